"""QUIC sessions (RFC 9000) with aioquic, which Debian 12 does not package.

usage: quic.py serve PORT CERTIFICATE KEY | quic.py fetch ADDRESS PORT TIMES BYTES
"""

import asyncio
import ssl
import sys

from aioquic.asyncio import connect, serve
from aioquic.quic.configuration import QuicConfiguration


def answer(reader, writer):
    async def talk():
        size = int(await reader.readline())
        writer.write(bytes(size))
        writer.write_eof()

    asyncio.ensure_future(talk())


async def run_server(port, certificate, key):
    configuration = QuicConfiguration(is_client=False)
    configuration.load_cert_chain(certificate, key)
    await serve("::", port, configuration=configuration, stream_handler=answer)
    await asyncio.Event().wait()


async def fetch(address, port, times, size):
    for _ in range(times):
        configuration = QuicConfiguration(verify_mode=ssl.CERT_NONE)
        async with connect(address, port, configuration=configuration) as client:
            reader, writer = await client.create_stream()
            writer.write(b"%d\n" % size)
            writer.write_eof()
            await reader.read()


if sys.argv[1] == "serve":
    asyncio.run(run_server(int(sys.argv[2]), sys.argv[3], sys.argv[4]))
else:
    asyncio.run(fetch(sys.argv[2], *map(int, sys.argv[3:6])))
