"""A telnet scanner that looks on the wire like the Mirai family.

Facts from the published scanner source (mirai/bot/scanner.c): the sequence number equals the
destination address, no TCP options, one window and one source port per process, random IP
identification, nine of ten probes to port 23 and the tenth to 2323. Nothing but such SYNs is sent.

usage: mirai.py PREFIX FIRST LAST PER_SECOND, e.g. mirai.py 192.0.2. 1 254 160
"""

import random
import socket
import struct
import sys
import time


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn(source, target, source_port, port, window):
    sequence = struct.unpack("!I", target)[0]
    fields = (source_port, port, sequence, 0, 5 << 4, 2, window)
    header = struct.pack("!HHIIBBHHH", *fields, 0, 0)
    pseudo = source + target + struct.pack("!BBH", 0, 6, len(header))
    tcp = struct.pack("!HHIIBBHHH", *fields, checksum(pseudo + header), 0)
    identification = random.randrange(1, 0x10000)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, identification, 0, 64, 6, 0)
    return ip + source + target + tcp


def main():
    prefix, first, last, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    random.seed(23)
    numbers = list(range(first, last + 1))
    random.shuffle(numbers)
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    source = socket.inet_aton(sys.argv[5] if len(sys.argv) > 5 else "198.51.100.66")
    source_port, window = random.randrange(1024, 0x10000), random.randrange(1, 0x10000)
    for count, number in enumerate(numbers):
        address = f"{prefix}{number}"
        port = 2323 if count % 10 == 0 else 23
        raw.sendto(syn(source, socket.inet_aton(address), source_port, port, window), (address, 0))
        time.sleep(1 / rate)


main()
