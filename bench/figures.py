"""From runs to figures: medians, and ratios taken pair by pair within a round."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run that counts."""

    product: str
    round: int
    cpu: float
    """microseconds of CPU per request"""
    rate: float
    """requests per second"""
    busy: float
    """share of its core that the product used"""
    p50: float
    """milliseconds"""
    p99: float
    """milliseconds"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """One run that does not count, and why."""

    product: str
    round: int
    reason: str


Outcome: TypeAlias = Measured | Failed


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of some figures, and how far they reach."""

    middle: float
    least: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A promise: the ratio of two products' CPU per request stays at or under a limit."""

    claim: str
    product: str
    reference: str
    limit: float


BARS: Final = (
    Bar(
        claim="plain route with trace, log and metrics <= 2.2 x nginx with access log",
        product="gateway",
        reference="nginx-log",
        limit=2.2,
    ),
    Bar(
        claim="plain route with trace, log and metrics <= 0.75 x Envoy bare",
        product="gateway",
        reference="envoy",
        limit=0.75,
    ),
)


def spread(values: Sequence[float]) -> Spread | None:
    """Return median, least and most; None of nothing."""
    return Spread(median(values), min(values), max(values)) if values else None


def measured(outcomes: Sequence[Outcome], product: str) -> list[Measured]:
    """Return the runs of a product that count."""
    return [each for each in outcomes if isinstance(each, Measured) and each.product == product]


def failed(outcomes: Sequence[Outcome], product: str) -> list[Failed]:
    """Return the runs of a product that do not count."""
    return [each for each in outcomes if isinstance(each, Failed) and each.product == product]


def ratios(outcomes: Sequence[Outcome], product: str, *, reference: str) -> list[float]:
    """Return the ratio of CPU per request for every round in which both runs count."""
    beside = {run.round: run.cpu for run in measured(outcomes, reference)}
    runs = measured(outcomes, product)
    return [run.cpu / beside[run.round] for run in runs if run.round in beside]


def verdict(bar: Bar, *, found: Spread | None) -> str:
    """Say whether the bar is met, with the figure; the median decides."""
    if found is None:
        return "not measured"
    word = "met" if found.middle <= bar.limit else "not met"
    return f"{word}: {found.middle:.2f} ({found.least:.2f}-{found.most:.2f})"
