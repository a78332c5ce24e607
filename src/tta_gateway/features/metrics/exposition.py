"""Exposition: what all processes of the node have counted, as Prometheus reads it."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder

from tta_gateway.features.metrics import algorithm
from tta_gateway.support import metrics
from tta_gateway.support.segment import Segment

Series = dict[metrics.Values, list[algorithm.Histogram]]
_LOST: Final = "tta_gateway_metrics_lost_series_total"
_TOTAL: Final = re.compile("_total$")


class Exposition:
    """A collector of prometheus_client over the segments of a node."""

    def __init__(self, segments: Callable[[], Iterable[Segment]]) -> None:
        """Read whatever segments there are when it is asked."""
        self._segments = segments
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def page(self, accept: str) -> tuple[bytes, str]:
        """Return the page in the format that is asked for, and its media type."""
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with what all have counted together."""
        declared: dict[str, metrics.Metric] = {}
        series: Mapping[str, Series] = defaultdict(lambda: defaultdict(list))
        lost = 0
        for segment in self._segments():
            lost += segment.lost
            for metric, values, child in metrics.children(segment):
                if metric.kind != "gauge" or segment.owner:  # a dead worker holds nothing any more
                    declared[metric.name] = metric
                    series[metric.name][values].append((metric.buckets, child.values()))
        for name in sorted(declared):
            yield _family(declared[name], series[name])
        yield CounterMetricFamily(
            _TOTAL.sub("", _LOST), "Series that found no room in shared memory.", value=lost
        )


def _family(metric: metrics.Metric, series: Series) -> Metric:
    if metric.kind == "histogram":
        return _histogram(metric, series)
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(_TOTAL.sub("", metric.name), metric.help, labels=metric.labels)
    for values, parts in series.items():
        family.add_metric(values, algorithm.summed([cells for _, cells in parts]))
    return family


def _histogram(metric: metrics.Metric, series: Series) -> Metric:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for values, parts in series.items():
        counts, total = algorithm.cumulated(parts)
        buckets = [(_text(bound), count) for bound, count in counts]
        family.add_metric(values, buckets, total)
    return family


def _text(bound: float) -> str:
    return "+Inf" if bound == float("inf") else str(bound)
