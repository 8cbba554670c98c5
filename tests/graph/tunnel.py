"""A forward proxy that tunnels, as companies put before the internet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Tunnel:
    """The running proxy; `requests` holds the head of each CONNECT."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[str] = []
        self.refuses = False

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(head)
        if self.refuses:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            writer.close()
            return
        host, port = head.split()[1].split(":")
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_pump(reader, up_writer), _pump(up_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def tunnelling() -> AsyncIterator[Tunnel]:
    """Run a proxy on a free port of the loopback."""
    tunnel = Tunnel()
    server = await asyncio.start_server(tunnel.handle, "127.0.0.1", 0)
    tunnel.port = server.sockets[0].getsockname()[1]
    async with server:
        yield tunnel
