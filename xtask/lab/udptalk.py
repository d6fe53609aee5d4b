"""Two ends of a conversation over UDP, shaped like telephony or like a WireGuard tunnel.

usage: udptalk.py rtp|wireguard PEER PORT PACKETS [LOCAL_PORT]

Both ends run it. `rtp` sends 172-byte datagrams every 20 ms from LOCAL_PORT (default PORT) to
PORT of the peer (RFC 3550 header, silence as payload); `wireguard` a handshake (148 and 92
bytes), then data. Only sizes, ports and rhythm are those of the originals.
"""

import socket
import struct
import sys
import time

kind, peer, port, packets = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
local = int(sys.argv[5]) if len(sys.argv) > 5 else port
talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
talk.bind(("", local))
talk.setblocking(False)
for number in range(packets):
    if kind == "rtp":
        data = struct.pack("!BBHII", 0x80, 0, number, number * 160, 0x1234) + b"\xff" * 160
    elif number == 0:
        data = b"\x01\0\0\0" + bytes(144)
    else:
        data = b"\x04\0\0\0" + bytes(60 + 16 * (number % 30))
    try:
        talk.sendto(data, (peer, port))
        while talk.recv(2000):
            pass
    except (BlockingIOError, ConnectionRefusedError):
        pass
    time.sleep(0.02 if kind == "rtp" else 0.1)
