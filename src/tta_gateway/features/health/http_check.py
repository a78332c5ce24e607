"""A check that an endpoint answers a GET with a status, and a body, that say that it is well."""

from typing import Final

import msgspec

from tta_gateway.features.health.assertion import parse
from tta_gateway.features.health.bound import Check
from tta_gateway.features.health.target import Failed, Target, connection
from tta_gateway.kernel.message import Response
from tta_gateway.support.config import size_text
from tta_gateway.wire.event import Data, End, Reset
from tta_gateway.wire.http1_client import ClientCodec, Event
from tta_gateway.wire.limits import Limits

LIMITS: Final = Limits()
_CHUNK: Final = 16 * 1024


async def look(target: Target) -> None:
    """Ask; Failed if the answer is not as it should be."""
    check = target.check
    async with connection(target) as (reader, writer):
        codec = ClientCodec(LIMITS)
        fields = target.head(("accept", "application/json, */*;q=0.5"), ("connection", "close"))
        writer.write(codec.send_head(f"GET {check.path}".encode(), fields, b"", stream_id=1))
        answer = _Answer(check)
        while not answer.is_over:
            data = await reader.read(_CHUNK)
            answer.take(codec.receive(data) if data else codec.receive_eof())
            while codec.is_behind and not answer.is_over:
                answer.take(codec.go_on())
    answer.judge()


class _Answer:
    """An answer, as far as it has come."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._body = b""
        self.is_over = False

    def take(self, events: list[Event]) -> None:
        """Take what has come; Failed as soon as it cannot be good any more."""
        for event in events:
            if isinstance(event, Response):
                self._begin(event)
            elif isinstance(event, Data):
                self._add(event)
            elif isinstance(event, End):
                self.is_over = True
            elif isinstance(event, Reset):
                detail = event.error.detail or event.error.problem.title
                raise Failed(f"its answer is none: {detail}")

    def _begin(self, response: Response) -> None:
        if response.status < 200 and response.status != 101:
            return
        good = self._check.status or range(200, 300)
        if response.status not in good:
            raise Failed(f"status {response.status}")
        self.is_over = not self._check.body  # nobody reads the body

    def _add(self, data: Data) -> None:
        if not self._check.body:
            return
        self._body += data.data
        if len(self._body) > self._check.max_body:
            raise Failed(f"its body is larger than {size_text(self._check.max_body)}")
        self.is_over = self.is_over or data.end

    def judge(self) -> None:
        """Look at the body."""
        if not self._check.body:
            return
        try:
            document = msgspec.json.decode(self._body, type=object)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise Failed("its body is not JSON") from None
        why = parse(self._check.body).why_not(document)
        if why:
            raise Failed(why)
