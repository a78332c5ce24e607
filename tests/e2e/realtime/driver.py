"""PyPI's `centrifuge-python`, unmodified, led by lines of JSON: tests/helpers/sdk.py starts it.

Each line that comes in asks for something (`do`) and is answered by a line with the same `id`; what
the SDK tells its application goes out as lines with `event`.  driver.mjs is the same for npm's.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from centrifuge import (
    Client,
    ClientEventHandler,
    SubscriptionEventHandler,
    UnauthorizedError,
)
from centrifuge.client import DeltaType
from centrifuge.exceptions import CentrifugeError, ReplyError
from centrifuge.types import StreamPosition

Asked: TypeAlias = dict[str, Any]
Found: TypeAlias = Any
"""Something of the SDK's, which has no types."""
_LONGEST_LINE: Final = 1 << 24
_TOLD: Final = ("code", "reason", "recovered", "was_recovering", "client")


def say(**told: object) -> None:
    """Write a line."""
    print(json.dumps(told), flush=True)  # noqa: T201 - it is what the other side reads


class Tells:
    """Says of each event what it is about."""

    def __init__(self, client: str, channel: str = "") -> None:
        """Tell of a client, or of a channel of its."""
        self._of = {"client": client, **({"channel": channel} if channel else {})}

    async def tell(self, event: str, about: Found) -> None:
        """Tell of an event."""
        told = {name: getattr(about, name) for name in _TOLD if hasattr(about, name)}
        if "client" in told:
            told["connection"] = told.pop("client")
        if hasattr(about, "stream_position"):
            at = about.stream_position
            told |= {} if at is None else {"offset": at.offset, "epoch": at.epoch}
        if hasattr(about, "info"):
            told["user"] = about.info.user
        if hasattr(about, "error"):
            told["error"] = repr(about.error)
        say(event=event, **self._of, **told)


class OfClient(Tells, ClientEventHandler):
    """Hears a client."""

    async def on_connecting(self, ctx: Found) -> None:
        await self.tell("connecting", ctx)

    async def on_connected(self, ctx: Found) -> None:
        await self.tell("connected", ctx)
        if ctx.data:
            say(event="greeted", **self._of, data=decoded(ctx.data))

    async def on_disconnected(self, ctx: Found) -> None:
        await self.tell("disconnected", ctx)

    async def on_error(self, ctx: Found) -> None:
        await self.tell("error", ctx)

    async def on_publication(self, ctx: Found) -> None:
        """Tell of a channel that the server has it read: of its inbox."""
        said = {"data": decoded(ctx.pub.data), "tags": dict(ctx.pub.tags)}
        say(event="letter", **self._of, channel=ctx.channel, **said)


class OfChannel(Tells, SubscriptionEventHandler):
    """Hears a channel."""

    async def on_subscribing(self, ctx: Found) -> None:
        await self.tell("subscribing", ctx)

    async def on_subscribed(self, ctx: Found) -> None:
        await self.tell("subscribed", ctx)

    async def on_unsubscribed(self, ctx: Found) -> None:
        await self.tell("unsubscribed", ctx)

    async def on_publication(self, ctx: Found) -> None:
        user = ctx.pub.info.user if ctx.pub.info else ""
        told = {"offset": ctx.pub.offset or 0, "data": decoded(ctx.pub.data), "user": user}
        say(event="publication", **self._of, **told)

    async def on_join(self, ctx: Found) -> None:
        await self.tell("join", ctx)

    async def on_leave(self, ctx: Found) -> None:
        await self.tell("leave", ctx)

    async def on_error(self, ctx: Found) -> None:
        await self.tell("error", ctx)


def decoded(data: object) -> Found:
    """The value of what was published: bytes are its JSON."""
    return json.loads(data) if isinstance(data, bytes) else data


class Driver:
    """Holds clients, and does with them what is asked."""

    def __init__(self) -> None:
        """Begin with none."""
        self._clients: dict[str, Client] = {}
        self._binary: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Do what lines ask, side by side, until there are no more."""
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader(_LONGEST_LINE)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            task = loop.create_task(self._do(json.loads(line)))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _do(self, asked: Asked) -> None:
        do: Callable[[Asked], Awaitable[object]] = getattr(self, f"do_{asked['do']}")
        try:
            say(id=asked["id"], told=await do(asked))
        except ReplyError as error:
            say(id=asked["id"], refused=error.code)
        except CentrifugeError as error:
            say(id=asked["id"], failed=repr(error))

    async def do_open(self, asked: Asked) -> None:
        """Connect; `tokens` are shown one after the other, and then there is none."""
        name, tokens = asked["client"], list(asked["tokens"])

        async def token() -> str:
            if not tokens:
                raise UnauthorizedError
            found = tokens.pop(0)
            if found is None:
                await asyncio.Event().wait()  # for ever
            return str(found)

        if asked["protobuf"]:
            self._binary.add(name)
        self._clients[name] = Client(
            asked["url"],
            events=OfClient(name),
            data=self._written(name, asked.get("data")),
            use_protobuf=asked["protobuf"],
            get_token=token,
            proxy=None,
            max_reconnect_delay=1.0,
            max_server_ping_delay=asked["patience"],
        )
        for channel in asked.get("channels", ()):
            await self._made(name, channel).subscribe()
        await self._clients[name].connect()

    async def do_close(self, asked: Asked) -> None:
        """Disconnect."""
        await self._clients[asked["client"]].disconnect()

    async def do_read(self, asked: Asked) -> None:
        """Subscribe; `since` is a position to begin behind."""
        name, since = asked["client"], asked.get("since")
        made = self._clients[name].get_subscription(asked["channel"])
        if made is None:
            made = self._made(name, asked["channel"], since, asked)
        await made.subscribe()

    async def do_toggle(self, asked: Asked) -> None:
        """Unsubscribe and subscribe, again and again, and wait for nothing between."""
        for _ in range(asked["times"]):
            leaving = asyncio.ensure_future(self._of(asked).unsubscribe())
            await asyncio.gather(leaving, self._of(asked).subscribe())

    async def do_restart(self, asked: Asked) -> None:
        """Disconnect and connect, again and again, and wait for nothing between."""
        one = self._clients[asked["client"]]
        for _ in range(asked["times"]):
            await one.disconnect()
            asyncio.ensure_future(one.connect())  # noqa: RUF006 - as an application would
            await asyncio.sleep(0)

    async def do_leave(self, asked: Asked) -> None:
        """Unsubscribe."""
        await self._of(asked).unsubscribe()

    async def do_publish(self, asked: Asked) -> None:
        """Publish each of `data`, one behind the other without waiting for answers.

        In Protocol Buffers an application writes JSON as it likes: with `indent`, over many lines.
        """
        client, channel = self._clients[asked["client"]], asked["channel"]
        is_binary = asked["client"] in self._binary
        said = asked["data"]
        if is_binary:
            said = [json.dumps(one, indent=asked.get("indent")).encode() for one in said]
        await asyncio.gather(*(client.publish(channel, one) for one in said))

    async def do_presence(self, asked: Asked) -> list[str]:
        """Ask who is there."""
        told = await self._clients[asked["client"]].presence(asked["channel"])
        return sorted(one.user for one in told.clients.values())

    async def do_stats(self, asked: Asked) -> list[int]:
        """Ask how many are there."""
        told = await self._clients[asked["client"]].presence_stats(asked["channel"])
        return [told.num_clients, told.num_users]

    async def do_history(self, asked: Asked) -> dict[str, object]:
        """Ask what was published."""
        since = asked.get("since")
        told = await self._clients[asked["client"]].history(
            asked["channel"],
            limit=asked.get("limit", 0),
            since=None if since is None else StreamPosition(*since),
            reverse=asked.get("reverse", False),
        )
        found = [[one.offset, decoded(one.data)] for one in told.publications]
        return {"publications": found, "offset": told.offset, "epoch": told.epoch}

    async def do_rpc(self, asked: Asked) -> object:
        """Call a procedure."""
        data = self._written(asked["client"], {})
        return decoded((await self._clients[asked["client"]].rpc(asked["method"], data)).data)

    async def do_call(self, asked: Asked) -> object:
        """Call a procedure with `data`."""
        data = self._written(asked["client"], asked["data"])
        return decoded((await self._clients[asked["client"]].rpc(asked["method"], data)).data)

    def _written(self, client: str, data: object) -> object:
        """What an application gives its SDK: in Protocol Buffers, bytes."""
        if data is None or client not in self._binary:
            return data
        return json.dumps(data).encode()

    def _of(self, asked: Asked) -> Found:
        return self._clients[asked["client"]].get_subscription(asked["channel"])

    def _made(
        self,
        client: str,
        channel: str,
        since: list[Any] | None = None,
        asked: Asked | None = None,
    ) -> Found:
        tokens = (asked or {}).get("tokens")
        at = None if since is None else StreamPosition(*since)

        async def state(_: str) -> StreamPosition:
            return at

        async def token(_: str) -> str:
            return tokens.pop(0) if tokens else ""

        return self._clients[client].new_subscription(
            channel,
            OfChannel(client, channel),
            get_state=None if at is None else state,
            get_token=None if tokens is None else token,
            delta=DeltaType.FOSSIL if (asked or {}).get("delta") else None,
        )


if __name__ == "__main__":
    asyncio.run(Driver().serve())
