"""A service that registers itself: it says what it is called, and echoes what it is sent.

    TOKEN=… python -m examples.registering.service players http://127.0.0.1:8083

The configuration of a gateway that lets it:

    listen:
      - 127.0.0.1:8080
      - {address: 127.0.0.1:8083, internal: true}
    registration:
      tokens: [{token: {env: TOKEN}, services: [players]}]
    services: {players: {}}
    routes: [{path: "/players/{rest:path}", service: players, auth: none}]

SIGTERM has it leave: the gateway sends it nothing new, and it ends when nothing is under way.
"""

import argparse
import asyncio
import os
import signal

from tta_gateway.client import Route, register


async def main(options: argparse.Namespace) -> None:
    """Serve, and be registered as long as that lasts."""
    leaving = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, leaving.set)
    server = await asyncio.start_server(talk, "127.0.0.1", options.port)
    port = server.sockets[0].getsockname()[1]
    async with register(
        options.service,
        url=f"http://127.0.0.1:{port}",
        gateway=options.gateway,
        token=os.environ["TOKEN"],
        lease=options.lease,
        routes=[Route(path, auth=options.auth) for path in options.route],
    ) as registration:
        await registration.registered()
        print(f"registered: {port}", flush=True)
        await leaving.wait()
    server.close()
    print("left", flush=True)


async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one client, a request after the other."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            _, _, rest = head.partition(b"content-length:")
            body = await reader.readexactly(int(rest.split(b"\r\n")[0] or 0))
            await asyncio.sleep(0.02)  # it has something to do
            said = body or b"%d" % os.getpid()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(said), said))
            await writer.drain()
    except (EOFError, ConnectionError):
        writer.close()


def arguments() -> argparse.Namespace:
    """Return what it is told."""
    parser = argparse.ArgumentParser(prog="service")
    parser.add_argument("service")
    parser.add_argument("gateway", help="the internal listener: http://…, https://… or unix:…")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--lease", type=float, default=15.0)
    parser.add_argument("--route", action="append", default=[], help="a path to declare")
    parser.add_argument("--auth", default="none", help="whom these paths let in")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(arguments()))
