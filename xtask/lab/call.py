"""A client of whatever kind, as far as the wire shows: it calls, asks and hangs up.

usage: call.py tcp|udp HOST PORT [from=ADDRESS] [times=N] [every=SECONDS] [size=BYTES] [silent]

Calls `times` (default 1) with `every` seconds between the questions (default 0.1): over TCP all in one
session, over UDP from one port. `silent` asks nothing and hangs up after that time.
"""

import socket
import sys
import time

kind, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
options = dict(word.partition("=")[::2] for word in sys.argv[4:])
times, every = int(options.get("times", 1)), float(options.get("every", 0.1))
request = b"q" * int(options.get("size", 48))
family = socket.AF_INET6 if ":" in host else socket.AF_INET
talk = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
talk.settimeout(3)
if "from" in options:
    talk.bind((options["from"], 0))
try:
    talk.connect((host, port))
    for _ in range(0 if "silent" in options else times):
        talk.send(request)
        talk.recv(65536)
        time.sleep(every)
    if "silent" in options:
        time.sleep(every)
except OSError:
    pass
talk.close()
