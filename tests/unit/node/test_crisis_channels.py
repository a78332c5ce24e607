"""Channels of a guard: one for each kind of contact, and the hub's store as control found it."""

from typing import Any, cast

import msgspec
import pytest

from tta_gateway.features.escalation.bound import (
    Contact,
    EscalationBound,
    Hook,
    Letters,
    Mailbox,
    ServiceHook,
)
from tta_gateway.node.crisis_channels import CrisisChannels
from tta_gateway.node.valkeys import serves
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import parted
from tta_gateway.support.valkey.topology import Address, Served, Store, single

LETTERS = Letters(name="l", users=("ben",))
HERE = Address("127.0.0.1", 6379)
WATCHED = Store(kind="sentinel", addresses=(Address("127.0.0.1", 26379),), master="main")


def channels(snapshot: Snapshot | None = None, served: Served | None = None) -> CrisisChannels:
    at = snapshot or Snapshot(version=1, state_dir="", listeners=(), services=(), routes=())
    parts = parted(at)
    if served is not None:
        live = {serves("state"): msgspec.msgpack.encode(served)}
        parts = msgspec.structs.replace(parts, live=live)
    return CrisisChannels(
        lambda: parts,
        lambda: at,
        wall=lambda: 0.0,
        log=cast("Any", None),
        died=lambda _name, _error: None,
    )


@pytest.mark.parametrize(
    ("contact", "kind"),
    [
        (Hook(name="h", url="http://h/"), "WebhookChannel"),
        (
            Mailbox(name="m", host="h", port=25, security="none", sender="a@b", to=("c@d",)),
            "SmtpChannel",
        ),
        (LETTERS, "RealtimeChannel"),
        (ServiceHook(name="s", service="care", path="/crisis"), "ServiceChannel"),
    ],
)
def test_each_is_reached_in_the_way_of_its_kind(contact: Contact, kind: str) -> None:
    made = channels()
    found = [made.of(contact, EscalationBound()), made.of(contact, EscalationBound())]
    assert [type(one).__name__ for one in found] == [kind, kind]
    made.close()


@pytest.mark.parametrize(
    ("state", "served", "found"),
    [
        (WATCHED, Served(WATCHED.named, single(HERE)), single(HERE)),
        (WATCHED, Served("another", single(HERE)), None),
        (WATCHED, None, None),
        (None, Served(WATCHED.named, single(HERE)), None),
    ],
)
def test_letters_are_posted_to_who_serves_the_store_that_is_named(
    state: Store | None, served: Served | None, found: object
) -> None:
    at = Snapshot(version=1, state_dir="", listeners=(), services=(), routes=(), state=state)
    made = channels(at, served)
    made.of(LETTERS, EscalationBound())
    assert made._client is not None
    assert made._client.topology() == found
