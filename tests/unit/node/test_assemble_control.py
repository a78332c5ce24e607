"""Control's parts, put together: who is let in where, and what it counts from."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.asgi import Answer, asked
from tests.helpers.fake_clock import FakeClock
from tta_gateway.node.assemble_control import Control, endpoints
from tta_gateway.node.segments import Segments
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import parted
from tta_gateway.support.metrics import Metric, Registry
from tta_gateway.support.segment import Segment

COUNTER = Metric("requests_total", "counter", "Requests.")


class House:
    """A control process of a state folder."""

    def __init__(self, folder: Path) -> None:
        self.segments = Segments()
        self.snapshot = Snapshot(
            version=1, state_dir=str(folder), listeners=(), services=(), routes=()
        )
        self.lines: list[bytes] = []
        self.control = Control(
            parted(self.snapshot),
            self.segments.fd,
            clock=FakeClock(),
            lines=cast("Any", self),
            channel=cast("Any", None),  # there is nothing to be told
        )
        self.token = (folder / "admin.token").read_text().strip()

    flushed = 0

    def put(self, line: bytes) -> None:
        self.lines.append(line)

    def flush(self) -> None:
        self.flushed += 1

    def counts(self, amount: float) -> None:
        """Another process begins and counts."""
        number = self.segments.take()
        Registry(Segment(self.segments.fd, number)).child(COUNTER).add(amount)

    def asked(self, path: str, *, token: str = "") -> Answer:
        fields = {"authorization": f"Bearer {token}"} if token else {}
        return asked(self.control.admin, "GET", path, **fields)

    def page(self) -> bytes:
        return self.asked("/metrics", token=self.token).body


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    os.close(made.segments.fd)


@pytest.mark.parametrize("path", ["/metrics", "/admin/v1/node", "/admin/v1/config"])
def test_the_administration_is_for_those_who_show_the_token(house: House, path: str) -> None:
    assert (house.asked(path).status, house.asked(path, token="wrong").status) == (401, 401)


def test_who_shows_the_token_reads_metrics(house: House) -> None:
    assert house.asked("/metrics", token=house.token).status == 200


def test_metrics_may_be_for_all_and_nothing_else_is(house: House) -> None:
    opened = msgspec.structs.replace(house.snapshot, open_metrics=True)
    asyncio.run(house.control.apply(parted(opened)))
    assert (house.asked("/metrics").status, house.asked("/admin/v1/node").status) == (200, 401)


def test_all_that_was_counted_is_on_the_page(house: House) -> None:
    house.counts(2.0)
    house.counts(3.0)
    assert b"\nrequests_total 5.0\n" in house.page()


def test_who_begins_later_is_on_the_next_page(house: House) -> None:
    house.counts(2.0)
    house.page()
    house.counts(3.0)
    assert b"\nrequests_total 5.0\n" in house.page()


def test_an_error_is_a_problem(house: House) -> None:
    answer = house.asked("/nowhere", token=house.token)
    assert (answer.status, answer.fields["content-type"]) == (404, "application/problem+json")


def test_the_public_side_knows_nothing_of_the_administration(house: House) -> None:
    paths = ["/metrics", "/admin/v1/node", "/docs", "/openapi.json"]
    assert [asked(house.control.public, "GET", path).status for path in paths] == [404] * 4


def test_a_task_that_dies_is_named(house: House) -> None:
    house.control.died("usage", ValueError("secret"))
    (line,) = house.lines
    told = msgspec.json.decode(line)
    assert (told["event"], told["task"], told["error"]) == ("task_died", "usage", "ValueError")


def test_its_log_goes_out_when_that_is_asked_for(house: House) -> None:
    house.control.flush()
    assert house.flushed == 1


def test_a_folder_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        House(tmp_path / "nowhere")


def test_everything_that_is_served_is_told_with_what_it_does() -> None:
    told = endpoints()
    assert ("POST", "/admin/v1/workers/restart") in [(method, path) for method, path, _ in told]
    assert ("GET", "/metrics") in [(method, path) for method, path, _ in told]
    assert all(sentence.endswith(".") for _, _, sentence in told)
