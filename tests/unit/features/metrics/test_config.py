"""What an operator may write about metrics."""

import pytest
from pydantic import ValidationError

from tta_gateway.features.metrics.bound import MetricsBound
from tta_gateway.features.metrics.config import MetricsConfig, compile


def test_nothing_written_is_the_worker_s_default() -> None:
    assert compile(MetricsConfig()) == MetricsBound()


def test_buckets_are_durations() -> None:
    config = MetricsConfig.model_validate({"buckets": ["10ms", 0.5, "1m"]})
    assert compile(config) == MetricsBound(buckets=(0.01, 0.5, 60.0))


@pytest.mark.parametrize("buckets", [["1s", "1s"], ["2s", "1s"]])
def test_buckets_that_do_not_ascend_are_refused(buckets: list[str]) -> None:
    with pytest.raises(ValidationError, match="must ascend"):
        MetricsConfig.model_validate({"buckets": buckets})


@pytest.mark.parametrize("count", [0, 51])
def test_there_is_at_least_one_bucket_and_there_are_not_too_many(count: int) -> None:
    with pytest.raises(ValidationError, match=r"too_short|too_long"):
        MetricsConfig.model_validate({"buckets": list(range(1, count + 1))})
