"""To https: every request at a plain listener is sent to the same place, encrypted.

It is a directory like the table, in front of it: whatever is asked goes to one plan, so that it is
logged and counted like the rest.  The status is 308, which keeps method and body, and which clients
remember; the host is the one that was asked for, the path is as it was written.
"""

import re
from dataclasses import replace
from typing import Final

from tta_gateway.kernel.exchange import NO_PARAMS, Exchange
from tta_gateway.kernel.message import RequestHead, Response, answer_of
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.problem import HOST_INVALID
from tta_gateway.routing.local import escaped
from tta_gateway.routing.table import Answer, Destination, Table

_STATUS: Final = 308
_DEFAULT: Final = 443
_PORT: Final = re.compile(rb":[0-9]*\Z")


class ToHttps:
    """A directory in which every request leads to `https://`."""

    def __init__(self, table: Table, *, plan: Plan, port: int, answer: Answer) -> None:
        """Answer at the end of this plan, of requests that no route takes."""
        self._table = table
        self._port = b"" if port == _DEFAULT else b":%d" % port
        self._answer = answer
        self._destination = Destination(None, replace(plan, forward=self._redirect), word="https")

    @property
    def malformed(self) -> Destination:
        """Return where a request goes that could not be read."""
        return self._table.malformed

    def find(self, head: RequestHead) -> tuple[Destination, dict[str, str]]:  # noqa: ARG002
        """Return the one destination."""
        return self._destination, NO_PARAMS

    def _redirect(self, exchange: Exchange) -> None:
        request = exchange.request
        if not request.host:
            self._answer(exchange, answer_of(HOST_INVALID))
            return
        host = _PORT.sub(b"", request.host) + self._port
        target = b"/" if request.target == b"*" else escaped(request.target)
        self._answer(exchange, Response(_STATUS, [(b"location", b"https://" + host + target)]))
