"""A registration, as it is kept."""

import msgspec

from tests.helpers.register_store import a_registration
from tta_gateway.features.registration.record import Registration
from tta_gateway.kernel.registered import Declared


def test_it_is_known_by_its_service_and_its_own_name() -> None:
    assert a_registration("players/a").name == "players/a"


def test_it_comes_back_from_the_store_as_it_went() -> None:
    one = a_registration(routes=(Declared(path="/a", methods=("GET",)),), draining=True)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Registration) == one
