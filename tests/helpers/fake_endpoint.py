"""A loop whose connections lead to endpoints that a test has scripted."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Self

from tests.helpers.fake_loop import FakeLoop
from tests.helpers.fake_transport import FakeTransport


class FakeEndpoints(FakeLoop):
    """By port: an answer, in pieces (the last None: the end), or an error instead of a connection.

    Without an entry a connection opens and nothing is said.
    """

    def __init__(self) -> None:
        """Begin with endpoints that say nothing."""
        super().__init__()
        self.says: dict[object, Exception | tuple[bytes | None, ...]] = {}

    def __enter__(self) -> Self:
        """Be the running loop."""
        super().__enter__()
        return self

    async def create_connection(
        self,
        protocol: Callable[[], asyncio.Protocol],
        host: str,
        port: int,
        **options: object,
    ) -> tuple[FakeTransport, asyncio.Protocol]:
        """Open a connection to a port."""
        self.asked.append((host, port, *options.values()))
        return self._connect(protocol, port)

    async def create_unix_connection(
        self, protocol: Callable[[], asyncio.Protocol], path: str
    ) -> tuple[FakeTransport, asyncio.Protocol]:
        """Open a connection to a path."""
        self.asked.append((path,))
        return self._connect(protocol, path)

    def _connect(
        self, protocol: Callable[[], asyncio.Protocol], place: object
    ) -> tuple[FakeTransport, asyncio.Protocol]:
        said = self.says.get(place, ())
        if isinstance(said, Exception):
            raise said
        made = protocol()
        transport = FakeTransport(self)
        self.opened.append(transport)
        transport.connect(made)
        for piece in said:
            self.call_soon(transport.end) if piece is None else self.call_soon(
                transport.feed, piece
            )
        return transport, made

    def outcome(self, work: Coroutine[Any, Any, None], *, within: float = 1.0) -> Exception | None:
        """Let something be done; return how it fails, if it does."""
        task = self.create_task(work)
        self.advance(within)
        assert task.done(), "it is not over"
        error = task.exception()
        assert error is None or isinstance(error, Exception)
        return error
