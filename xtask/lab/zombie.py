"""A host whose IP identification counts up by one with every packet, as idle scans need it.

Current kernels have no such counter, so the RST answers to SYN/ACK are made here; the kernel's
own are kept back by a rule. usage: zombie.py INTERFACE
"""

import subprocess
import sys

from scapy.all import IP, TCP, Ether, sendp, sniff

subprocess.run(
    ["nft", "add table ip zombie; add chain ip zombie out "
     "{ type filter hook output priority 0; }; "
     "add rule ip zombie out tcp flags & (rst|syn|ack) == rst ip id 0 drop"],
    check=True,
)
interface = sys.argv[1]
count = 1000


def answer(frame):
    global count
    segment = frame[TCP]
    if segment.flags & "S" and segment.flags & "A":
        count += 1
        sendp(
            Ether(dst=frame.src, src=frame.dst)
            / IP(src=frame[IP].dst, dst=frame[IP].src, id=count, ttl=128)
            / TCP(sport=segment.dport, dport=segment.sport, flags="R", seq=segment.ack, window=0),
            iface=interface,
            verbose=False,
        )


sniff(iface=interface, filter="inbound and tcp", prn=answer, store=False)
