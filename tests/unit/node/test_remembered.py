"""What registries have said, for the next control."""

import msgspec

from tests.helpers.builders import an_endpoint
from tta_gateway.kernel.registered import Declared
from tta_gateway.kernel.standing import Instance
from tta_gateway.node.remembered import Remembered, remembered_of, section
from tta_gateway.snapshot.parts import OWN

ONE = Remembered(
    sources={
        "consul": (
            Instance(
                id="a",
                endpoint=an_endpoint(9001),
                draining=True,
                routes=(Declared(path="/a", methods=("GET",), auth="none"),),
                since=1.0,
            ),
        )
    },
    resolved={"Players.local:9001": (Instance(id="b", endpoint=an_endpoint(9002)),)},
)


def test_it_comes_back_as_it_was_for_each_service() -> None:
    raw = msgspec.Raw(msgspec.msgpack.encode(ONE))
    live = {section("players"): raw, "service/players": raw}
    assert remembered_of(live) == {"players": ONE}


def test_workers_are_not_told() -> None:
    assert section("players").startswith(OWN)


def test_what_cannot_be_read_is_left_out() -> None:
    raw = msgspec.Raw(msgspec.msgpack.encode(ONE))
    assert remembered_of({section("a"): msgspec.Raw(b"\x01"), section("b"): raw}) == {"b": ONE}
