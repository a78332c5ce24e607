"""Answers that never end and hold a JSON object a line, as etcd and Kubernetes send changes."""

from collections.abc import AsyncGenerator
from typing import Final

from tta_gateway.features.discovery.provider import Unreachable
from tta_gateway.support.http_client import HttpError, HttpTimeout, Stream, next_of

_LONGEST: Final = 8 * 1024 * 1024  # bytes of a line


async def lines(stream: Stream, *, patience: float) -> AsyncGenerator[bytes, None]:
    """Yield each line; end with the answer, or when nothing has come for so many seconds.

    Unreachable if it breaks off, or a line does not end.
    """
    rest = b""
    while True:
        try:
            piece = await next_of(stream, patience=patience)
        except HttpTimeout:
            return
        except HttpError as error:
            raise Unreachable(f"{error}, while it told of changes") from error
        if not piece:
            return
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if line.strip():
                yield line
        if len(rest) > _LONGEST:
            raise Unreachable(f"it sends a line longer than {_LONGEST} bytes")
