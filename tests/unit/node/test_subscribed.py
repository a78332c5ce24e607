"""Who is told of `safety.*` because it registered so, and only as long as the operator lets it."""

from typing import Any

import msgspec

from tests.helpers.register_store import a_registration
from tests.unit.node.test_assemble_guard import Lines
from tta_gateway.features.escalation.bound import ServiceHook
from tta_gateway.features.registration.bound import RegistrationBound
from tta_gateway.features.registration.record import (
    Register,
    Registration,
    Subscription,
    section,
)
from tta_gateway.node.subscribed import MOST, Subscribed
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import Parts, parted
from tta_gateway.support.clock import Stamp
from tta_gateway.support.log import EventLog

ALLOWED = {"players": "word", "care": "another"}


def told(name: str, *paths: str, since: float = 1.0) -> Registration:
    subscriptions = tuple(Subscription(events="safety.*", path=one) for one in paths)
    return a_registration(name, subscriptions=subscriptions, since=since)


def parts(*known: Registration, safety: dict[str, str] = ALLOWED, **live: bytes) -> Parts:
    bound = RegistrationBound(safety=safety)
    made = parted(
        Snapshot(
            version=1,
            state_dir="",
            listeners=(),
            services=(),
            routes=(),
            features={"registration": msgspec.Raw(msgspec.msgpack.encode(bound))},
        )
    )
    services = {one.service for one in known}
    sections = {
        section(one): msgspec.Raw(
            msgspec.msgpack.encode(Register(known=tuple(k for k in known if k.service == one)))
        )
        for one in services
    }
    raw = {section(name): msgspec.Raw(data) for name, data in live.items()}
    return msgspec.structs.replace(made, live={**sections, **raw})


def subscribed(lines: Any = None) -> Subscribed:  # noqa: ANN401 - a log's
    return Subscribed(EventLog(lines or Lines(), Stamp(lambda: 0.0)))


def test_a_service_is_told_where_it_says_signed_with_the_operators_secret() -> None:
    found = subscribed().hooks(parts(told("players/a", "/crisis"), told("care/b")))
    assert found == [
        ServiceHook(
            name="safety.* players/crisis", service="players", path="/crisis", secret="word"
        )
    ]


def test_who_may_not_is_told_nothing_whatever_its_section_says() -> None:
    one = told("players/a", "/crisis")
    assert subscribed().hooks(parts(one, safety={"care": "word"})) == []
    other = Subscription(events="other.*", path="/x")
    assert subscribed().hooks(parts(a_registration(subscriptions=(other,)))) == []


def test_of_many_paths_those_of_the_oldest_instances_count() -> None:
    many = [told(f"players/{n}", f"/{n % 6}", since=float(n)) for n in range(12)]
    found = subscribed().hooks(parts(*reversed(many)))
    assert [one.path for one in found] == [f"/{n}" for n in range(MOST)]


def test_what_has_not_changed_is_not_read_again_and_what_cannot_be_read_is_nothing() -> None:
    lines = Lines()
    made = subscribed(lines)
    first = parts(told("players/a", "/crisis"), care=b"\xc1")
    assert made.is_changed(first)
    assert len(made.hooks(first)) == 1
    assert not made.is_changed(first)
    assert len(made.hooks(first)) == 1
    assert len(lines.lines) == 1
    gone = parts()
    assert made.is_changed(gone)
    assert made.hooks(gone) == []
