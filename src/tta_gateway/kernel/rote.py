"""Rote: refusals that are told again and again are worded once, for all routes that word alike.

Where thousands are turned away in a second there is no time to have each be worded by every policy.
A policy whose `on_response` does the same to every problem of the gateway's own says so
(`words_alike`), with what else that depends on (`likeness`); one that does nothing to them says
that (`words_nothing`).  What they come to is kept as bytes, with a place for the request's id.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tta_gateway.kernel.message import Fields, Response, lines_of
from tta_gateway.kernel.problem import Problem

if TYPE_CHECKING:
    from tta_gateway.kernel.exchange import Exchange

PLACE: Final = b"\x00id\x00"
"""Stands for the id while an answer is worded: NUL is in no field, and JSON escapes it."""


@dataclass(frozen=True, slots=True)
class Rote:
    """Who words the problems of a plan where from `least` to `most` policies have been entered."""

    worders: tuple[object, ...]
    likenesses: "tuple[Callable[[Exchange], bytes], ...]"
    least: int
    most: int

    def likeness(self, exchange: "Exchange") -> bytes | None:
        """Return what the wording depends on beside the problem; None if it is not told by rote."""
        if not self.least <= exchange.entered <= self.most or exchange.request.upgrade is not None:
            return None
        said = b""
        for each in self.likenesses:
            said += each(exchange) + b"\x00"
        return said


class Words:
    """An answer that has been worded for nobody yet."""

    __slots__ = ("_after", "_before", "_fields", "_head", "_name", "_rest", "_start", "problem")

    def __init__(self, problem: Problem, fields: Fields, at: int, body: list[bytes]) -> None:
        """Keep the fields, of which that number holds the id, and the body around it."""
        self.problem = problem
        self._name = fields[at][0]
        self._start = fields[:at]
        self._fields = fields[at + 1 :]
        self._head, self._rest = lines_of(fields).split(PLACE)
        self._before, self._after = body

    def add_to(self, response: Response, request_id: bytes) -> None:
        """Have an answer say that, with this id."""
        response.fields = [*self._start, (self._name, request_id), *self._fields]
        response.lines = b"%b%b%b" % (self._head, request_id, self._rest)
        response.body = body = b"%b%b%b" % (self._before, request_id, self._after)
        response.length = len(body)


def words_of(response: Response) -> Words | None:
    """Return the words of an answer that was worded with PLACE for its id; None if they are not.

    It has to stand in one field, as a whole, and once in the body.
    """
    problem, fields = response.problem, response.fields
    body = (response.body or b"").split(PLACE)
    places = [at for at, (_, value) in enumerate(fields) if PLACE in value]
    if problem is None or len(places) != 1 or len(body) != 2 or fields[places[0]][1] != PLACE:
        return None
    return Words(problem, fields, places[0], body)
