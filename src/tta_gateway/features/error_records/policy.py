"""Have what ends in an error, or in an act of safety, leave a record."""

from collections.abc import Callable
from typing import ClassVar, Final, Protocol

from tta_gateway.features.error_records.bound import ErrorRecordsBound
from tta_gateway.features.error_records.record import Broken, Record, Try
from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.exchange import Exchange, Sink
from tta_gateway.kernel.message import NO_FIELDS, Fields, Response
from tta_gateway.kernel.problem import INTERNAL
from tta_gateway.kernel.route import Route
from tta_gateway.support.metrics import Child
from tta_gateway.support.places import places

_ERRORS: Final = 500
_TUNNEL: Final = 101
_LONGEST: Final = 2048  # characters of a text of ours
_MOST_PLACES: Final = 40


class Keeper(Protocol):
    """Where records are kept.

    Before `closed_until` none is taken of those that are alike: they are counted as `crowded`
    without being asked about.
    """

    closed_until: float
    crowded: Child

    def has_room(self, *, is_urgent: bool, is_alike: bool = False) -> bool:
        """Tell whether one more is taken now; one that is not is counted as lost.

        Of those that are alike, since no service was asked, fewer are taken.
        """

    def put(self, record: Record) -> None:
        """Keep it, later; it never waits and never raises."""


class ErrorRecords:
    """Looks at how exchanges end."""

    name: ClassVar = "error_records"
    needs: ClassVar[frozenset[str]] = frozenset({"request_id", "traceparent"})
    gives: ClassVar[frozenset[str]] = frozenset()
    words_nothing: ClassVar = True

    def __init__(
        self,
        bound: ErrorRecordsBound,
        keeper: Keeper,
        *,
        clock: Callable[[], float],
        wall: Callable[[], float],
        fresh: Callable[[], str],
    ) -> None:
        """Keep records there; `clock` is monotonic, `fresh` gives ids that nobody else has."""
        self._bound = bound
        self._keeper = keeper
        self._clock = clock
        self._wall = wall
        self._fresh = fresh
        self._bodies: dict[Exchange, _Beginning] = {}

    def for_route(self, route: Route | None) -> "ErrorRecords | None":  # noqa: ARG002 - everywhere
        """Look at every exchange, unless no records are kept."""
        return self if self._bound.enabled else None

    def explain(self) -> str:
        """Say what it does."""
        return "keeps a sealed record of errors and of acts of safety"

    def on_response(self, exchange: Exchange) -> None:
        """Keep the beginning of what a service has answered, where there will be a record."""
        response = exchange.response
        if response is None or response.local or response.status == _TUNNEL:
            return
        if response.status < _ERRORS and not exchange.acted:
            return
        beginning = self._bodies[exchange] = _Beginning(self._bound.body)
        if response.body is not None:
            beginning.take(response.body)
            return

        def wrapped(sink: Sink) -> Sink:
            return _Copy(sink, beginning)

        exchange.wraps = [*(exchange.wraps or ()), wrapped]

    def on_finish(self, exchange: Exchange) -> None:
        """Leave a record, where there is something to tell."""
        response, error = exchange.response, exchange.error
        is_error = response is not None and response.status >= _ERRORS
        if error is not None and error.problem.status >= _ERRORS:
            is_error = True  # though an answer may have begun
        if not is_error and not exchange.acted:
            return
        beginning = self._bodies.pop(exchange, None) if self._bodies else None
        is_alike = exchange.attempt is None and not _was_tried(exchange)
        if is_alike and not exchange.acted and self._clock() < self._keeper.closed_until:
            self._keeper.crowded.add()  # thousands in a second: bench/refusal.py
            return
        if not self._keeper.has_room(is_urgent=bool(exchange.acted), is_alike=is_alike):
            return
        self._keeper.put(self._record(exchange, beginning, _tries(exchange), is_error=is_error))
        if error is not None:
            error.__cause__ = None  # what it holds would outlive the exchange

    def _record(
        self,
        exchange: Exchange,
        beginning: "_Beginning | None",
        tries: tuple[Try, ...],
        *,
        is_error: bool,
    ) -> Record:
        request, response, found = exchange.request, exchange.response, exchange.safety
        route, principal = exchange.plan.route, exchange.principal
        code, detail = _said(exchange)
        return Record(
            id=self._fresh(),
            at=self._wall(),
            correlation=exchange.request_id.decode("latin-1"),
            kind="error" if is_error else "safety",
            trace=exchange.traceparent[3:35].decode("latin-1"),
            person="" if principal is None else principal.key,
            method=request.method.decode("latin-1"),
            path=request.path.decode("latin-1")[:_LONGEST],
            route="" if route is None else route.name,
            service=exchange.service or ("" if route is None else route.service),
            status=0 if response is None else response.status,
            code=code,
            detail=_text(detail, _LONGEST),
            took=self._clock() - exchange.started,
            tries=tries,
            upstream_status=tries[-1].status if tries else 0,
            body=b"" if beginning is None else beginning.data(),
            withheld=_text(exchange.withheld, self._bound.body),
            acted=exchange.acted,
            level=0 if found is None else found.level,
            categories=() if found is None else found.categories,
            broken=_broken(exchange.error),
        )


class _Beginning:
    """The beginning of a body."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parts: list[bytes] = []

    def take(self, data: bytes) -> None:
        """Keep a part of it, as far as there is room."""
        if self._most > 0:
            self._parts.append(data[: self._most])
            self._most -= len(data)

    def data(self) -> bytes:
        """Return it."""
        return b"".join(self._parts)


class _Copy:
    """A sink that passes everything on."""

    def __init__(self, sink: Sink, beginning: _Beginning) -> None:
        self._sink = sink
        self._beginning = beginning

    def send_data(self, data: bytes) -> None:
        """Pass on a part of the body."""
        self._beginning.take(data)
        self._sink.send_data(data)

    def send_end(self, trailers: Fields = NO_FIELDS) -> None:
        """Pass on its end."""
        self._sink.send_end(trailers)

    def abort(self) -> None:
        """Pass on that it breaks off."""
        self._sink.abort()


def _said(exchange: Exchange) -> tuple[str, str]:
    """Return the code of the error, and what there is to say about it."""
    error, response = exchange.error, exchange.response
    if error is not None:
        return error.problem.code, error.detail or ""
    if response is None or response.problem is None:
        return "", ""
    return response.problem.code, response.detail or ""


def _was_tried(exchange: Exchange) -> bool:
    """Tell whether there are tries to tell of; most have none where many are turned away."""
    return bool(exchange.trail) or bool(exchange.endpoint and _answered(exchange.response))


def _tries(exchange: Exchange) -> tuple[Try, ...]:
    """Return the tries: those that went wrong, and one that was answered."""
    told = [Try(*one) for one in exchange.trail or ()]
    status = _answered(exchange.response)
    if status and exchange.endpoint and not (told and told[-1].outcome == "answered"):
        at = max(0.0, exchange.first_byte_at - exchange.started)
        told.append(Try(exchange.endpoint, "answered", status, at))
    return tuple(told)


def _answered(response: Response | None) -> int:
    """Return the status of a service's answer, as far as it is one."""
    return 0 if response is None or response.local else response.status


def _broken(error: GatewayError | None) -> Broken | None:
    """Return what broke, where it was nobody's fault but ours."""
    if error is None or error.problem is not INTERNAL or error.__cause__ is None:
        return None
    cause = error.__cause__
    where = tuple(places(cause)[-_MOST_PLACES:])
    return Broken(type(cause).__name__, _text(str(cause), _LONGEST), where)


def _text(text: str, most: int) -> str:
    """Return the beginning of a text; halves of characters (surrogates) become `?`."""
    return text[:most].encode(errors="replace").decode()
