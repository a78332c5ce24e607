import re

import pytest

from tta_gateway.features.metrics import metrics
from tta_gateway.features.metrics.metrics import durations
from tta_gateway.support.metrics import Metric

ALL = [value for value in vars(metrics).values() if isinstance(value, Metric)]


def test_durations_are_counted_in_the_buckets_that_the_operator_says() -> None:
    assert durations((0.1, 1.0)).buckets == (0.1, 1.0)


@pytest.mark.parametrize("metric", [*ALL, durations(())], ids=lambda metric: metric.name)
def test_every_metric_has_words_for_who_reads_it(metric: Metric) -> None:
    assert metric.help.endswith(".")


@pytest.mark.parametrize("metric", [*ALL, durations(())], ids=lambda metric: metric.name)
def test_every_metric_is_named_as_the_platform_names_them(metric: Metric) -> None:
    assert re.fullmatch("tta_[a-z_]+", metric.name)


def test_every_counter_says_that_it_is_a_total() -> None:
    assert [one.name for one in ALL if one.name.endswith("_total") != (one.kind == "counter")] == []
