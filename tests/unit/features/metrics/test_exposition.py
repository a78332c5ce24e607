"""The page of a node, read by parsers that are not ours."""

from collections.abc import Callable, Iterable
from typing import Final

import pytest
from prometheus_client.core import Metric as Family
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as read_text

from tta_gateway.features.metrics.exposition import Exposition
from tta_gateway.features.metrics.metrics import durations
from tta_gateway.support.metrics import Metric, Registry
from tta_gateway.support.segment import Segment

COUNTER: Final = Metric("requests_total", "counter", "Requests.", ("method",))
GAUGE: Final = Metric("in_flight", "gauge", "Under way.", ("endpoint",))
HISTOGRAM: Final = Metric("seconds", "histogram", "Seconds.", ("method",), (0.1, 1.0))
PLAIN: Final = "text/plain;version=0.0.4"
OPEN: Final = "application/openmetrics-text;version=1.0.0"
Read = Callable[[str], Iterable[Family]]
BOTH: Final = pytest.mark.parametrize(
    ("accept", "read"), [(PLAIN, read_text), (OPEN, read_openmetrics)], ids=["text", "openmetrics"]
)


class House:
    """A node of as many processes as have begun."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []

    def begins(self) -> Registry:
        """Another process counts."""
        segment = Segment()
        segment.owner = 4711 + len(self.segments)
        self.segments.append(segment)
        return Registry(segment)

    def ends(self, number: int) -> None:
        self.segments[number].owner = 0

    def page(self, accept: str = PLAIN) -> tuple[str, str]:
        content, media_type = Exposition(lambda: self.segments).page(accept)
        return content.decode(), media_type

    def samples(self, accept: str = PLAIN, read: Read = read_text) -> dict[str, float]:
        """What a foreign parser finds, by name and the labels' values in their names' order."""
        return {
            " ".join([sample.name, *sample.labels.values()]): sample.value
            for family in read(self.page(accept)[0])
            for sample in family.samples
        }


@pytest.fixture
def house() -> House:
    return House()


@BOTH
def test_what_two_have_counted_is_one_sum(house: House, accept: str, read: Read) -> None:
    house.begins().child(COUNTER, "GET").add(2.0)
    house.begins().child(COUNTER, "GET").add(3.0)
    assert house.samples(accept, read)["requests_total GET"] == 5.0


@BOTH
def test_series_that_only_one_has_stand_beside_the_sums(
    house: House, accept: str, read: Read
) -> None:
    house.begins().child(COUNTER, "GET").add()
    house.begins().child(COUNTER, "PUT").add()
    found = house.samples(accept, read)
    assert (found["requests_total GET"], found["requests_total PUT"]) == (1.0, 1.0)


@BOTH
def test_a_histogram_has_its_buckets_its_count_and_its_sum(
    house: House, accept: str, read: Read
) -> None:
    for value in (0.05, 0.5, 9.0):
        house.begins().child(HISTOGRAM, "GET").observe(value)
    found = house.samples(accept, read)
    assert {name: found[name] for name in found if name.startswith("seconds")} == {
        "seconds_bucket 0.1 GET": 1.0,
        "seconds_bucket 1.0 GET": 2.0,
        "seconds_bucket +Inf GET": 3.0,
        "seconds_count GET": 3.0,
        "seconds_sum GET": 9.55,
    }


@BOTH
def test_bounds_that_were_changed_while_it_counts_stand_on_one_page(
    house: House, accept: str, read: Read
) -> None:
    for bounds in ((0.1, 1.0), (0.5,)):
        house.begins().child(durations(bounds), "GET", "/", "api").observe(0.05)
    found = house.samples(accept, read)
    assert found["tta_http_request_duration_seconds_count / GET api"] == 2.0


def test_what_a_worker_holds_that_has_gone_is_nothing(house: House) -> None:
    for _ in range(2):
        house.begins().child(GAUGE, "/").set(7.0)
    house.ends(0)
    assert house.samples()["in_flight /"] == 7.0


def test_a_gauge_that_nobody_holds_any_more_is_not_there(house: House) -> None:
    house.begins().child(GAUGE, "/").set(7.0)
    house.ends(0)
    assert "in_flight /" not in house.samples()


def test_what_a_worker_has_counted_that_has_gone_stays(house: House) -> None:
    registry = house.begins()
    registry.child(COUNTER, "GET").add(2.0)
    registry.child(HISTOGRAM, "GET").observe(0.5)
    house.ends(0)
    house.begins().child(COUNTER, "GET").add()
    found = house.samples()
    assert (found["requests_total GET"], found["seconds_count GET"]) == (3.0, 1.0)


@BOTH
def test_series_that_found_no_room_are_counted(house: House, accept: str, read: Read) -> None:
    for _ in range(2):
        house.begins()
        house.segments[-1].add(b"too much", 2**40)
    assert house.samples(accept, read)["tta_gateway_metrics_lost_series_total"] == 2.0


@BOTH
def test_a_node_that_has_counted_nothing_has_a_page(house: House, accept: str, read: Read) -> None:
    assert house.samples(accept, read) == {"tta_gateway_metrics_lost_series_total": 0.0}


def test_segments_that_come_later_are_on_the_next_page(house: House) -> None:
    exposition = Exposition(lambda: house.segments)
    exposition.page(PLAIN)
    house.begins().child(COUNTER, "GET").add()
    assert b'requests_total{method="GET"} 1.0' in exposition.page(PLAIN)[0]


def test_names_types_and_help_are_those_that_were_declared(house: House) -> None:
    registry = house.begins()
    for metric in (COUNTER, GAUGE, HISTOGRAM):
        registry.child(metric, "a")
    families = {family.name: family for family in read_text(house.page()[0])}
    told = [(name, families[name].type, families[name].documentation) for name in sorted(families)]
    assert told[:3] == [
        ("in_flight", "gauge", "Under way."),
        ("requests", "counter", "Requests."),
        ("seconds", "histogram", "Seconds."),
    ]


@pytest.mark.parametrize("text", ['"', "\\", "\n", "é", "{}", ","])
def test_whatever_a_label_says_a_parser_reads_it(house: House, text: str) -> None:
    house.begins().child(COUNTER, text).add()
    assert house.samples()[f"requests_total {text}"] == 1.0


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (PLAIN, "text/plain"),
        (OPEN, "application/openmetrics-text"),
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("image/png", "text/plain"),
    ],
)
def test_the_format_is_the_one_that_is_asked_for(house: House, accept: str, kind: str) -> None:
    assert house.page(accept)[1].partition(";")[0] == kind
