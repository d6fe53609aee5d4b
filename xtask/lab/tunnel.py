"""One end of a tunnel in user space, for kernels that lack the device.

The inner interface `tun9` gets INNER/24; what it sends travels inside GRE (RFC 2784), IP-in-IP
(RFC 2003) or an 802.1Q tag. usage: tunnel.py gre|ipip LOCAL REMOTE INNER
                                       tunnel.py vlan INTERFACE TAG INNER
"""

import fcntl
import os
import select
import socket
import struct
import subprocess
import sys

TUN, TAP, NO_INFO = 1, 2, 0x1000
GRE_HEADER = struct.pack("!HH", 0, 0x0800)


def device(mode, inner):
    handle = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(handle, 0x400454CA, struct.pack("16sH22x", b"tun9", mode | NO_INFO))
    prefix = "/24"
    for command in (
        "sysctl -qw net.ipv6.conf.tun9.disable_ipv6=1",
        f"ip addr add {inner}{prefix} dev tun9",
        "ip link set tun9 mtu 1400 up",
    ):
        subprocess.run(command.split(), check=True)
    return handle


def carry_ip(protocol, header, local, remote, inner):
    handle = device(TUN, inner)
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
    raw.bind((local, 0))
    while True:
        for ready in select.select([handle, raw], [], [])[0]:
            if ready is handle:
                raw.sendto(header + os.read(handle, 2000), (remote, 0))
            else:
                packet = raw.recv(2000)
                start = (packet[0] & 15) * 4 + len(header)
                os.write(handle, packet[start:])


def carry_tagged(interface, tag, inner):
    handle = device(TAP, inner)
    label = struct.pack("!HH", 0x8100, tag)
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind((interface, 0))
    # the kernel takes tags off before it hands frames up; ask for them as ancillary data
    wire.setsockopt(263, 8, 1)
    subprocess.run(["ip", "link", "set", interface, "promisc", "on"], check=True)
    while True:
        for ready in select.select([handle, wire], [], [])[0]:
            if ready is handle:
                frame = os.read(handle, 2000)
                wire.send(frame[:12] + label + frame[12:])
                continue
            frame, ancillary, _, source = wire.recvmsg(2000, 100)
            outgoing = source[2] == socket.PACKET_OUTGOING
            tags = [struct.unpack("IIIHHHH", data)[5] for _, _, data in ancillary]
            if not outgoing and tags and tags[0] & 0xFFF == tag:
                os.write(handle, frame)


kind, first, second, address = sys.argv[1:5]
if kind == "gre":
    carry_ip(47, GRE_HEADER, first, second, address)
elif kind == "ipip":
    carry_ip(4, b"", first, second, address)
else:
    carry_tagged(first, int(second), address)
