"""Breakers: when a service that mostly fails is not asked for a while."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from tta_gateway.kernel.route import Breaker
from tta_gateway.settings.fitness import Share
from tta_gateway.settings.shorthand import Shorthand
from tta_gateway.support.config import Config, Duration, DurationOrZero

_BREAKER: Final = Breaker()
_Part: TypeAlias = Annotated[Share, Field(gt=0)]


class BreakerConfig(Config):
    """When a route's service is not asked for a while; each worker judges what it sees."""

    mode: Literal["on", "off"] = "on"
    """`off`: it is asked whatever happens."""

    failures: Annotated[int, Field(ge=0, le=10_000)] = _BREAKER.failures
    """So many requests in a row that failed open it, however few there were; 0: it takes `least`.
    Failed is a 5xx of the service (but 501 and 505), no connection, a reset, garbage or silence
    after all tries."""

    window: Duration = _BREAKER.window
    """How far it looks back."""

    least: Annotated[int, Field(ge=1, le=1_000_000)] = _BREAKER.least
    """Requests within the window without which no share is judged; 5 are enough in the ramp."""

    ratio: _Part = _BREAKER.ratio
    """The share of them that opens it when it has failed."""

    slow: DurationOrZero = _BREAKER.slow
    """It opens too when the quantile of the times to an answer is over this; 0: time does not
    count."""

    quantile: _Part = _BREAKER.quantile
    """Which quantile that is."""

    open: Duration = _BREAKER.open
    """How long it stays open; after a probe that failed, twice as long as the time before."""

    longest: Duration = _BREAKER.longest
    """The longest that it stays open, if `open` is not longer."""

    ramp: DurationOrZero = _BREAKER.ramp
    """How long the share that is let through grows, from a tenth to all, after a good probe."""


WrittenBreaker: TypeAlias = Annotated[
    BreakerConfig, Shorthand(lambda value: {"mode": value}, {"enum": ["on", "off"]})
]


def compiled(config: BreakerConfig) -> Breaker | None:
    """Return what a worker needs of it; None if it is off."""
    fields = dict(config)
    return Breaker(**fields) if fields.pop("mode") == "on" else None
