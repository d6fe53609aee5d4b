"""A BitTorrent tracker that hands the same list of peers to everybody (BEP 3, BEP 23).

usage: tracker.py PORT PEER_PORT ADDRESS…
"""

import http.server
import socket
import struct
import sys

peer_port = int(sys.argv[2])
peers = b"".join(socket.inet_aton(address) + struct.pack("!H", peer_port) for address in sys.argv[3:])
ANSWER = b"d8:intervali5e12:min intervali5e5:peers" + str(len(peers)).encode() + b":" + peers + b"e"


class Tracker(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)


http.server.HTTPServer(("", int(sys.argv[1])), Tracker).serve_forever()
