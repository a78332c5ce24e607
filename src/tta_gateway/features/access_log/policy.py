"""Write one line an exchange."""

from collections.abc import Callable
from typing import ClassVar

import msgspec

from tta_gateway.features.access_log.line import Line
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.traffic import CLASSES
from tta_gateway.support.clock import Stamp
from tta_gateway.support.log import Lines
from tta_gateway.support.redaction.field import label


class AccessLog:
    """Writes the access log."""

    name: ClassVar = "access_log"
    needs: ClassVar[frozenset[str]] = frozenset({"request_id"})
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        lines: Lines | None,
        *,
        clock: Callable[[], float],
        stamp: Stamp,
        whole_paths: bool = False,
        route: Route | None = None,
    ) -> None:
        """Write here (None: nowhere); `clock` is monotonic, in seconds.

        With `whole_paths` the path that was asked is written, else the template of its route.
        """
        self._lines = lines
        self._clock = clock
        self._stamp = stamp
        self._whole_paths = whole_paths
        self._route = route
        self._path = route.path if route else ""
        self._name = route.name if route else ""
        self._service = route.service if route else ""
        self._encode = msgspec.json.Encoder().encode

    def for_route(self, route: Route | None) -> "AccessLog | None":
        """Log the exchanges of every route by its name, unless the log is off."""
        if self._lines is None:
            return None
        return AccessLog(
            self._lines,
            clock=self._clock,
            stamp=self._stamp,
            whole_paths=self._whole_paths,
            route=route,
        )

    def explain(self) -> str:
        """Say what it does."""
        return "writes one line when the exchange is over"

    def on_finish(self, exchange: Exchange) -> None:
        """Write the line."""
        request, response, upload = exchange.request, exchange.response, exchange.upload
        started, first_byte = exchange.started, exchange.first_byte_at
        error = exchange.error
        gone = exchange.aborted and error is None  # and was not cut off by us
        code = "client_gone" if gone else ""
        if error is not None:
            code = error.problem.code
        elif not gone and response is not None and response.problem is not None:
            code = response.problem.code
        line = Line(
            self._stamp.text(),
            exchange.request_id.decode(),
            exchange.traceparent[3:35].decode(),
            exchange.client,
            request.method.decode(),
            label(request.path.decode("latin-1")) if self._whole_paths else self._path,
            self._name,
            499 if gone else response.status if response is not None else 0,
            code,
            exchange.sent,
            upload.received if upload is not None else exchange.received,
            int((self._clock() - started) * 1e6),
            int((first_byte - started) * 1e6) if first_byte else 0,
            exchange.service or self._service,
            exchange.endpoint or "",
            exchange.tries,
            exchange.shadowed,
            CLASSES[exchange.traffic],
        )
        assert self._lines is not None  # for_route binds nothing where there are none
        self._lines.put(self._encode(line))
