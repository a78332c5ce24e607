"""What an operator may write about metrics."""

from typing import Annotated

from pydantic import AfterValidator, Field

from tta_gateway.features.metrics.bound import MetricsBound
from tta_gateway.support.config import Config, Duration, Items

_DEFAULT = MetricsBound()


def _ascending(buckets: tuple[float, ...]) -> tuple[float, ...]:
    if list(buckets) != sorted(set(buckets)):
        raise ValueError("must ascend, each bound larger than the one before it")
    return buckets


class MetricsConfig(Config):
    """How the gateway counts."""

    buckets: Annotated[
        Items[Duration], Field(min_length=1, max_length=50), AfterValidator(_ascending)
    ] = _DEFAULT.buckets
    """The upper bounds of the histogram of durations."""


def compile(config: MetricsConfig) -> MetricsBound:
    """Return what a worker needs of it."""
    return MetricsBound(buckets=config.buckets)
