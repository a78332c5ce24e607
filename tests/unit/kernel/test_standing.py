"""How a service's endpoints are, as control tells it."""

import msgspec

from tta_gateway.kernel.route import Endpoint
from tta_gateway.kernel.standing import Instance, Stand, Standing, section, spoken


def test_a_standing_survives_the_way_to_a_worker() -> None:
    one = Standing(
        endpoints=(Stand(endpoint=Endpoint(host="h", port=1), state="draining", since=2.0),),
        down=("database",),
        degraded=("mail",),
    )
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Standing) == one


def test_an_endpoint_is_up_unless_something_else_is_said() -> None:
    assert Stand(endpoint=Endpoint(host="h", port=1)).state == "up"


def test_each_service_has_a_section_of_its_own() -> None:
    assert section("players") == "service/players"


def test_what_was_found_may_be_spoken_to_otherwise() -> None:
    one = Instance(id="a", endpoint=Endpoint(host="h", port=1), since=2.0)
    other = spoken(one, tls=True)
    assert (other.id, other.since, other.endpoint.tls) == ("a", 2.0, True)
    assert spoken(other, tls=False) == one
