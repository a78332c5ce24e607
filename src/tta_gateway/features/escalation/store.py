"""Where reports come from: the journals of the workers, as the guard reads them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol


class Record(Protocol):
    """A record of a journal: in which segment, where it ends, and what it holds."""

    @property
    def segment(self) -> str:
        """Return the name of its segment."""

    @property
    def end(self) -> int:
        """Return where the next one begins."""

    @property
    def payload(self) -> bytes:
        """Return what it holds: a Report, as MessagePack."""


class Records(Protocol):
    """The journals of all workers, those that have died among them; OSError if they cannot be."""

    def read(self, marks: Mapping[str, int], most: int = ...) -> Sequence[Record]:
        """Return the next of each segment, in its order; `marks`: what has been taken of it."""

    def forget(self, marks: Mapping[str, int]) -> Iterable[str]:
        """Remove what has been taken whole, and return its names: no marks need be kept of it."""
