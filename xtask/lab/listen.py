"""A server of whatever kind, as far as the wire shows: it takes calls and answers.

usage: listen.py tcp|udp PORT[,PORT…] [greet=TEXT] [size=BYTES] [reset] [slow=SECONDS]

`greet` is said first to whoever calls, each request is answered by `size` bytes (default 64), after
`slow` seconds; with `reset` the server ends its sessions by RST instead of FIN (SO_LINGER of zero,
as some appliances do).
"""

import socket
import struct
import sys
import threading
import time

kind, ports = sys.argv[1], [int(port) for port in sys.argv[2].split(",")]
options = dict(word.partition("=")[::2] for word in sys.argv[3:])
size, slow = int(options.get("size", 64)), float(options.get("slow", 0))


def serve(session):
    if "reset" in options:
        session.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    try:
        if "greet" in options:
            session.sendall(options["greet"].encode() + b"\r\n")
        while session.recv(4096):
            time.sleep(slow)
            session.sendall(b"x" * size)
            if "reset" in options:
                time.sleep(0.1)
                break
    except OSError:
        pass
    session.close()


def tcp(port):
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        session, _ = listener.accept()
        threading.Thread(target=serve, args=(session,), daemon=True).start()


def udp(port):
    talk = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    talk.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    talk.bind(("::", port))
    while True:
        _, peer = talk.recvfrom(4096)
        time.sleep(slow)
        talk.sendto(b"x" * size, peer)


for port in ports:
    threading.Thread(target=tcp if kind == "tcp" else udp, args=(port,), daemon=True).start()
while True:
    time.sleep(60)
