"""A snapshot in parts: what changed is enough, and nothing else."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.discovery.bound import DiscoveryBound
from tta_gateway.kernel.registered import SECTION, Registered
from tta_gateway.kernel.route import Endpoint, Route, Service
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import (
    Live,
    bound_of,
    change,
    changed,
    decode_change,
    decode_live,
    decode_parts,
    encoded,
    parted,
    registered_parts_of,
    revived,
    route_of,
    routes_differ,
    whole,
)

_names = st.sampled_from(["a", "b", "c", "d"])
_services = st.dictionaries(_names, st.integers(1, 3), max_size=4)
_routes = st.lists(_names, max_size=4)


def snapshot(
    version: int, services: dict[str, int], routes: list[str], state: str = "."
) -> Snapshot:
    return Snapshot(
        version=version,
        state_dir=state,
        listeners=(),
        services=tuple(
            Service(name=name, endpoints=(Endpoint(host="h", port=port),))
            for name, port in services.items()
        ),
        routes=tuple(Route(name=name, path=f"/{name}", service=name) for name in routes),
    )


@given(_services, _routes)
def test_the_parts_are_the_whole(services: dict[str, int], routes: list[str]) -> None:
    one = snapshot(7, services, routes)
    assert whole(decode_parts(encoded(parted(one)))) == one


@given(_services, _routes, _services, _routes, st.sampled_from([".", "other"]))
def test_a_change_leads_from_one_to_the_other(
    services: dict[str, int],
    routes: list[str],
    later_services: dict[str, int],
    later_routes: list[str],
    state: str,
) -> None:
    before, after = snapshot(3, services, routes), snapshot(4, later_services, later_routes, state)
    difference = decode_change(encoded(change(parted(before), parted(after))))
    reached = whole(changed(parted(before), difference))
    assert {one.name: one for one in reached.services} == {one.name: one for one in after.services}
    assert msgspec.structs.replace(reached, services=()) == msgspec.structs.replace(
        after, services=()
    )


def test_a_change_of_one_service_holds_that_service_alone() -> None:
    many = {str(number): 1 for number in range(100)}
    before, after = snapshot(1, many, ["a"]), snapshot(2, {**many, "7": 2}, ["a"])
    difference = change(parted(before), parted(after))
    assert (list(difference.services), difference.gone) == (["7"], [])
    assert (difference.base, difference.routes) == ([], None)


def test_nothing_changed_but_the_version() -> None:
    difference = change(parted(snapshot(1, {"a": 1}, [])), parted(snapshot(2, {"a": 1}, [])))
    assert len(encoded(difference)) < 32


def test_a_change_of_another_version_is_refused() -> None:
    one, two = parted(snapshot(1, {}, [])), parted(snapshot(2, {}, []))
    with pytest.raises(ValueError, match="leads from version 1, not from 2"):
        changed(two, change(one, two))


_sections = st.dictionaries(_names, st.integers(0, 3).map(lambda n: msgspec.Raw(bytes([n]))))


@given(_sections, _sections, st.lists(_names))
def test_live_sections_are_replaced_whole_and_outlive_a_change(
    before: dict[str, msgspec.Raw], newer: dict[str, msgspec.Raw], gone: list[str]
) -> None:
    first, second = parted(snapshot(1, {}, [])), parted(snapshot(2, {"a": 1}, ["a"]))
    live = decode_live(encoded(Live(sections=newer, gone=gone)))
    known = revived(revived(first, Live(sections=before)), live)
    kept = decode_parts(encoded(changed(known, change(known, second))))
    assert kept.live == {**{k: v for k, v in before.items() if k not in gone}, **newer}
    assert (kept.version, whole(kept)) == (2, snapshot(2, {"a": 1}, ["a"]))


def test_routes_that_services_declare_are_a_live_section() -> None:
    before = parted(snapshot(1, {}, ["a"]))
    route = Route(name="live", path="/live")
    raw = msgspec.Raw(msgspec.msgpack.encode(Registered(routes=(route,))))
    after = revived(before, Live(sections={SECTION: raw}))
    assert [route_of(one) for one in registered_parts_of(after.live[SECTION])] == [route]
    assert routes_differ(before, after)
    assert not routes_differ(after, after)
    assert routes_differ(before, parted(snapshot(1, {}, ["b"])))


def test_a_feature_has_its_settings_or_the_defaults() -> None:
    bound = DiscoveryBound(quiet=7.0)
    raw = msgspec.Raw(msgspec.msgpack.encode(bound))
    one = msgspec.structs.replace(snapshot(1, {}, []), features={"discovery": raw})
    assert bound_of(parted(one), "discovery", DiscoveryBound) == bound
    assert bound_of(parted(snapshot(1, {}, [])), "discovery", DiscoveryBound) == DiscoveryBound()
