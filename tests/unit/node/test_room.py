"""How many clients there is room for, with so many descriptors."""

import resource

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import an_endpoint
from tta_gateway.kernel.route import Service
from tta_gateway.kernel.timing import ConnectionLimits
from tta_gateway.node.room import limit, raise_limit, room
from tta_gateway.snapshot.model import Snapshot

SNAPSHOT = Snapshot(
    version=1,
    state_dir=".",
    listeners=(),
    services=(Service(name="players", endpoints=(an_endpoint(),)),),
    routes=(),
)


def places(descriptors: int, wanted: int = 20_000) -> int:
    connections = ConnectionLimits(per_worker=wanted, per_address=7)
    snapshot = msgspec.structs.replace(SNAPSHOT, connections=connections)
    found = room(snapshot, descriptors=descriptors)
    assert found.per_address == 7
    return found.per_worker


def test_where_descriptors_are_plenty_the_configuration_decides() -> None:
    assert places(1 << 20) == 20_000


def test_without_a_limit_the_configuration_decides() -> None:
    assert places(resource.RLIM_INFINITY) == 20_000


def test_services_and_the_process_itself_have_their_part() -> None:
    assert places(10_000) == 10_000 - 128 - 256


def test_services_have_half_at_most() -> None:
    assert places(128) == 32


@given(st.integers(0, 1 << 21), st.integers(1, 50_000))
def test_there_is_room_for_one_and_never_for_more_than_is_wanted(few: int, wanted: int) -> None:
    assert 1 <= places(few, wanted) <= wanted


@given(st.integers(8, 1 << 21))
def test_all_together_fit(descriptors: int) -> None:
    assert places(descriptors) < descriptors


def test_the_limit_is_raised_as_far_as_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: told[-1] if told else (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: told.append(limits))
    raise_limit()
    raise_limit()
    assert (told, limit()) == ([(4096, 4096)], 4096)
