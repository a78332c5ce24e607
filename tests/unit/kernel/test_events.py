"""Events, as they travel between processes."""

import msgspec
import pytest

from tta_gateway.kernel.events import (
    BreakerChanged,
    CertificateExpires,
    EndpointChanged,
    EndpointSeen,
    Event,
    RegistryChanged,
    ServiceChanged,
)

EVENTS = (
    EndpointChanged(service="a", endpoint="h:1", change="ejected", at=1.0, until=2.0),
    ServiceChanged(service="a", before="healthy", after="degraded", at=1.0),
    BreakerChanged(service="a", route="r", state="open", at=1.0),
    RegistryChanged(provider="consul", reachable=False, at=1.0),
    CertificateExpires(name="a", state="soon", expires=9.0, at=1.0),
    EndpointSeen(
        service="a", endpoint="h:1", weight=1.0, ratio=1.0, in_flight=0, open=1, at=1.0, by="w"
    ),
)


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_is_what_it_was_on_the_other_side(event: Event) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=Event) == event
