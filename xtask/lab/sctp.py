"""A small SCTP association in user space (RFC 9260), for kernels without SCTP.

usage: sctp.py serve PORT | sctp.py call ADDRESS PORT MESSAGES

Enough of the protocol for a handshake of four, data with selective acknowledgements, a heartbeat
and a shutdown of three; CRC32c checksums are right. A rule keeps the kernel's own protocol
unreachable messages back.
"""

import socket
import struct
import subprocess
import sys

SCTP = 132
DATA, INIT, INIT_ACK, SACK, HEARTBEAT, HEARTBEAT_ACK = 0, 1, 2, 3, 4, 5
SHUTDOWN, SHUTDOWN_ACK, COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE = 7, 8, 10, 11, 14


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def chunk(kind, flags=0, body=b""):
    padding = b"\0" * (-len(body) % 4)
    return struct.pack("!BBH", kind, flags, len(body) + 4) + body + padding


def packet(source_port, port, tag, body):
    head = struct.pack("!HHI", source_port, port, tag)
    checksum = crc32c(head + b"\0\0\0\0" + body)
    return head + struct.pack("<I", checksum) + body


def parse(raw):
    start = (raw[0] & 15) * 4
    source_port, port, tag = struct.unpack_from("!HHI", raw, start)
    kind, _, length = struct.unpack_from("!BBH", raw, start + 12)
    return socket.inet_ntoa(raw[12:16]), source_port, port, tag, kind, raw[start + 16 : start + 12 + length]


def quiet_kernel():
    subprocess.run(
        ["nft", "add table ip quiet; add chain ip quiet out "
         "{ type filter hook output priority 0; }; "
         "add rule ip quiet out icmp type destination-unreachable icmp code 2 drop"],
        check=True,
    )


def init(tag, tsn):
    return struct.pack("!IIHHI", tag, 65536, 10, 10, tsn)


def serve(wire, port):
    peers = {}
    while True:
        address, source_port, at, tag, kind, body = parse(wire.recv(4000))
        if at != port:
            continue
        key = (address, source_port)
        if kind == INIT:
            peers[key] = struct.unpack_from("!I", body)[0]
            cookie = struct.pack("!HH", 7, 36) + bytes(32)
            answer = chunk(INIT_ACK, 0, init(0x5EED0001, 1) + cookie)
        elif kind == COOKIE_ECHO:
            answer = chunk(COOKIE_ACK)
        elif kind == DATA:
            answer = chunk(SACK, 0, body[:4] + struct.pack("!IHH", 65536, 0, 0))
        elif kind == HEARTBEAT:
            answer = chunk(HEARTBEAT_ACK, 0, body)
        elif kind == SHUTDOWN:
            answer = chunk(SHUTDOWN_ACK)
        else:
            continue
        wire.sendto(packet(port, source_port, peers.get(key, tag), answer), (address, 0))


def call(wire, address, port, messages):
    own_port, tag = 40000, 0xC0FFEE01

    def ask(verification, body, expected):
        wire.sendto(packet(own_port, port, verification, body), (address, 0))
        while expected is not None:
            _, _, at, _, kind, answer = parse(wire.recv(4000))
            if at == own_port and kind == expected:
                return answer

    answer = ask(0, chunk(INIT, 0, init(tag, 100)), INIT_ACK)
    theirs = struct.unpack_from("!I", answer)[0]
    ask(theirs, chunk(COOKIE_ECHO, 0, bytes(32)), COOKIE_ACK)
    for number in range(messages):
        header = struct.pack("!IHHI", 100 + number, 0, number, 0)
        ask(theirs, chunk(DATA, 3, header + b"hello " * 10), SACK)
    ask(theirs, chunk(HEARTBEAT, 0, struct.pack("!HHI", 1, 8, 1)), HEARTBEAT_ACK)
    ask(theirs, chunk(SHUTDOWN, 0, struct.pack("!I", 1)), SHUTDOWN_ACK)
    ask(theirs, chunk(SHUTDOWN_COMPLETE), None)


quiet_kernel()
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, SCTP)
raw.settimeout(30)
if sys.argv[1] == "serve":
    raw.settimeout(None)
    serve(raw, int(sys.argv[2]))
else:
    call(raw, sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
