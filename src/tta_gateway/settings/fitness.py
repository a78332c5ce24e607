"""Fitness: when an endpoint is left out, and what a service with too few good ones does."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, WithJsonSchema

from tta_gateway.kernel.route import Outliers, Panic
from tta_gateway.support.config import Config, Duration
from tta_gateway.upstream.pace import HIGHEST, SLOW

_OUTLIERS: Final = Outliers()
_PANIC: Final = Panic()
Share: TypeAlias = Annotated[
    float,
    Field(ge=0, le=1, allow_inf_nan=False),
    WithJsonSchema({"title": "share, 0 to 1", "type": "number", "minimum": 0, "maximum": 1}),
]

Times: TypeAlias = Annotated[
    float,
    Field(ge=SLOW, le=HIGHEST, allow_inf_nan=False),
    WithJsonSchema({"title": f"number, {SLOW:g} to {HIGHEST:g}", "type": "number"}),
]


class OutliersConfig(Config):
    """When an endpoint that fails beside its peers is left out, and for how long."""

    failures: Annotated[int, Field(ge=1, le=10_000)] = _OUTLIERS.failures
    """So many failures in a row: no connection, a reset, garbage, silence, or a 5xx (but 501 and
    505, which are about the request)."""

    interval: Duration = _OUTLIERS.interval
    """How often the shares of failures are compared."""

    least_asked: Annotated[int, Field(ge=1, le=1_000_000)] = _OUTLIERS.least_asked
    """Answers in an interval, of one worker, without which an endpoint is not compared."""

    shortest: Duration = _OUTLIERS.shortest
    """How long the first time lasts; each further one lasts so much longer."""

    longest: Duration = _OUTLIERS.longest
    """The longest that any lasts."""

    most: Share = _OUTLIERS.most
    """The share of the endpoints that may be left out at a time; one of several always may."""

    slow: Times | None = None
    """With `peak_ewma`: an endpoint that is penalised for being slow is left out when a probe takes
    so many times as long as is typical.  Left out, it is asked with probes alone, and has its share
    back seconds after it is fast again."""


class PanicConfig(Config):
    """What becomes of a service that has too few good endpoints."""

    below: Share = _PANIC.below
    """The share of good ones below which it is too few."""

    then: Literal["spread", "fail"] = _PANIC.then
    """`spread`: all are asked, good or not; `fail`: clients hear 503 at once."""
