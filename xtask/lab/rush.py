"""A connect scanner in the manner of RustScan: many first contacts at once, closed at once.

usage: rush.py ADDRESS FIRST LAST BATCH
"""

import asyncio
import sys


async def knock(address, port, gate):
    async with gate:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), 1.5)
        except (OSError, asyncio.TimeoutError):
            return
        print("open", port)
        writer.close()


async def main():
    address, first, last, batch = sys.argv[1], *map(int, sys.argv[2:5])
    gate = asyncio.Semaphore(batch)
    await asyncio.gather(*(knock(address, port, gate) for port in range(first, last + 1)))


asyncio.run(main())
