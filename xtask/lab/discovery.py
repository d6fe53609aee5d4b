"""What a desktop shouts into its network: mDNS, LLMNR, SSDP, WS-Discovery and NetBIOS queries.

usage: discovery.py OWN_ADDRESS ROUNDS
"""

import socket
import struct
import sys
import time


def name(labels):
    return b"".join(bytes([len(label)]) + label.encode() for label in labels.split(".")) + b"\0"


def dns(identifier, flags, labels, kind):
    return struct.pack("!HHHHHH", identifier, flags, 1, 0, 0, 0) + name(labels) + struct.pack("!HH", kind, 1)


def netbios(identifier, host):
    padded = host.upper().ljust(15).encode() + b"\0"
    coded = b"".join(bytes([65 + (byte >> 4), 65 + (byte & 15)]) for byte in padded)
    question = b"\x20" + coded + b"\0" + struct.pack("!HH", 0x20, 1)
    return struct.pack("!HHHHHH", identifier, 0x0110, 1, 0, 0, 0) + question


SSDP = (
    b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n"
    b'MAN: "ssdp:discover"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n'
)
WSD = b"<?xml version='1.0'?><Envelope><Body><Probe/></Body></Envelope>"
own, rounds = sys.argv[1], int(sys.argv[2])
plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
plain.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
plain.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
mdns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
mdns.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
mdns.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
mdns.bind((own, 5353))
for number in range(rounds):
    for service in ("_http._tcp.local", "_ipp._tcp.local", "_smb._tcp.local", "_airplay._tcp.local"):
        mdns.sendto(dns(0, 0, service, 12), ("224.0.0.251", 5353))
    plain.sendto(dns(number + 1, 0, "printer", 1), ("224.0.0.252", 5355))
    plain.sendto(SSDP, ("239.255.255.250", 1900))
    plain.sendto(WSD, ("239.255.255.250", 3702))
    plain.sendto(netbios(number + 1, "printer"), ("192.0.2.255", 137))
    time.sleep(1)
