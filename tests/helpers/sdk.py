"""The SDKs of the client protocol as others have written them, each in a process of its own.

tests/e2e/realtime/driver.py holds clients of PyPI's, driver.mjs those of npm's; both are led by the
same lines, so that every test is about all of them.
"""

import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

from tests.helpers import npm

HERE: Final = Path(__file__).parents[1] / "e2e" / "realtime"
PACKAGES: Final = HERE.parents[1] / "contract" / "realtime" / "sdk"
PATIENCE: Final = 15.0
KINDS: Final = ("python-json", "python-protobuf", "node-json", "node-protobuf")
STREAMS: Final = ("node-json-http_stream", "node-protobuf-http_stream", "node-json-sse")
"""of npm's SDK, without a WebSocket"""
ENDPOINTS: Final = {
    "websocket": "/connection/websocket",
    "http_stream": "/connection/http_stream",
    "sse": "/connection/sse",
}
Told = dict[str, Any]
Answer: TypeAlias = Any


class Refused(Exception):
    """An error of the protocol that a command was answered with."""

    def __init__(self, code: int) -> None:
        super().__init__(f"refused with {code}")
        self.code = code


class Failed(Exception):
    """What an SDK says itself of a command that was not answered."""


class Sdk:
    """A process with clients; `kind` is one of KINDS, or of STREAMS."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        language, codec, self.transport = (*kind.split("-"), "")[:3]
        self._is_binary = codec == "protobuf"
        self._command = [sys.executable, str(HERE / "driver.py")]
        if language == "node":
            modules = npm.modules(PACKAGES, "realtime_sdk")
            # Node has server-sent events of its own, and says that they are an experiment.
            flags = ["--experimental-eventsource"] if self.transport == "sse" else []
            self._command = ["node", *flags, str(HERE / "driver.mjs"), str(modules)]
        self._ids = itertools.count(1)
        self._heard = threading.Condition()
        self._answers: dict[int, Told] = {}
        self._events: list[Told] = []
        self._clients: list[SdkClient] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._thread = threading.Thread(target=self._hear)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._thread.join(PATIENCE)
            assert self._process.stdout
            self._process.stdout.close()

    def client(
        self,
        name: str,
        url: str | Sequence[Told],
        *tokens: str | None,
        channels: Sequence[str] = (),
        patience: float = 10.0,
        data: object = None,
    ) -> "SdkClient":
        """Connect, showing these tokens one after the other; in these channels from the start.

        For None the application never finds another.  `patience` is seconds by which pings may be
        late.  A `url` leads to a WebSocket, in whose place this SDK uses what its kind says; or it
        is a list of ways that are tried one after the other.  `data` is what the application says
        with the connection.
        """
        client = SdkClient(self, name)
        self._clients.append(client)
        if isinstance(url, str) and self.transport:
            url = [way(self.transport, url)]
        client.ask(
            "open",
            url=url,
            emulation="" if isinstance(url, str) else emulation_at(url[-1]["endpoint"]),
            tokens=tokens,
            channels=channels,
            protobuf=self._is_binary,
            patience=patience,
            data=data,
        )
        return client

    def close_all(self) -> None:
        """Disconnect all clients: of a gateway that has gone they would ask without an end."""
        while self._clients:
            self._clients.pop().close()

    def ask(self, do: str, **more: object) -> Answer:
        """Have something done; return what comes of it."""
        number = next(self._ids)
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"id": number, "do": do, **more}) + "\n")
        self._process.stdin.flush()
        with self._heard:
            assert self._heard.wait_for(lambda: number in self._answers, PATIENCE), (do, more)
            answer = self._answers.pop(number)
        if "refused" in answer:
            raise Refused(answer["refused"])
        if "failed" in answer:
            raise Failed(answer["failed"])
        return answer["told"]

    def events(self, **about: object) -> list[Told]:
        """Return what was told that fits."""
        with self._heard:
            return [one for one in self._events if about.items() <= one.items()]

    def wait(self, count: int, patience: float, **about: object) -> list[Told]:
        """Wait until so many of that were told."""
        with self._heard:
            came = self._heard.wait_for(
                lambda: sum(about.items() <= one.items() for one in self._events) >= count,
                patience,
            )
            found = [one for one in self._events if about.items() <= one.items()]
            assert came, (about, count, len(found), self._events[-30:])
            return found

    def _hear(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            told = json.loads(line)
            with self._heard:
                if "id" in told:
                    self._answers[told["id"]] = told
                else:
                    self._events.append(told)
                self._heard.notify_all()


class SdkClient:
    """A client of an SDK."""

    def __init__(self, sdk: Sdk, name: str) -> None:
        self._sdk = sdk
        self.name = name

    def ask(self, do: str, **more: object) -> Answer:
        """Have it do something."""
        return self._sdk.ask(do, client=self.name, **more)

    def refusal(self, do: str, **more: object) -> int:
        """Have it do something that it may not; return the code."""
        try:
            told = self.ask(do, **more)
        except Refused as refused:
            return refused.code
        raise AssertionError(told)

    def events(self, event: str, **about: object) -> list[Told]:
        """Return what it was told that fits."""
        return self._sdk.events(client=self.name, event=event, **about)

    def wait(
        self, event: str, *, count: int = 1, patience: float = PATIENCE, **about: object
    ) -> Told:
        """Wait until it was told that so often; return the last."""
        return self._sdk.wait(count, patience, client=self.name, event=event, **about)[-1]

    def codes(self, event: str, **about: object) -> list[int]:
        """Return the codes of what it was told."""
        return [one["code"] for one in self.events(event, **about)]

    def connected(self, count: int = 1) -> Told:
        """Wait until it is, or has been so often."""
        return self.wait("connected", count=count)

    def reads(self, channel: str, **more: object) -> Told:
        """Have it read a channel; wait until it does."""
        before = len(self.events("subscribed", channel=channel))
        self.ask("read", channel=channel, **more)
        return self.wait("subscribed", channel=channel, count=before + 1)

    def denied(self, channel: str, **more: object) -> int:
        """Have it read a channel that it may not; return why not."""
        self.ask("read", channel=channel, **more)
        return int(self.wait("unsubscribed", channel=channel)["code"])

    def publish(self, channel: str, *data: object) -> None:
        """Publish, and wait until all of it counts."""
        self.ask("publish", channel=channel, data=data)

    def tries_to_publish(self, channel: str, data: object) -> bool:
        """Publish; return whether it counts for certain: who is cut off meanwhile cannot know."""
        try:
            self.publish(channel, data)
        except (Failed, Refused):
            return False
        return True

    def heard(
        self, channel: str, count: int, *, patience: float = PATIENCE
    ) -> list[tuple[int, Any]]:
        """Wait for so many publications; return offset and data of all."""
        if count:
            self.wait("publication", channel=channel, count=count, patience=patience)
        found = self.events("publication", channel=channel)
        return [(one["offset"], one["data"]) for one in found]

    def close(self) -> None:
        """Disconnect."""
        self.ask("close")


def way(transport: str, url: str) -> Told:
    """Return how a client comes by this transport to where the WebSocket of a URL is."""
    endpoint = url if transport == "websocket" else _beside(url, ENDPOINTS[transport])
    return {"transport": transport, "endpoint": endpoint}


def emulation_at(url: str) -> str:
    """Return where clients send what they say beside a stream."""
    return _beside(url, "/emulation")


def _beside(url: str, path: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme.replace('ws', 'http')}://{rest.partition('/')[0]}{path}"
