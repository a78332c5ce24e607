"""What a server says of itself is enough to tell whether it is fit."""

import pytest
import uvloop

from tests.helpers.valkey_server import Server
from tta_gateway.support.valkey.discovery import inspect
from tta_gateway.support.valkey.fitness import OLDEST, complaints, version
from tta_gateway.support.valkey.topology import Store, single

pytestmark = pytest.mark.redis


def said(one: Server) -> tuple[str, dict[str, str]]:
    store = Store(addresses=(one.address,))
    return uvloop.run(inspect(store, single(one.address), name="test"))


def test_its_version_and_its_settings_are_told(own: Server) -> None:
    info, settings = said(own)
    assert version(info) >= OLDEST
    assert (settings["appendonly"], settings["maxmemory-policy"]) == ("yes", "noeviction")


def test_one_that_keeps_all_is_fit_for_state_and_not_for_a_cache(own: Server) -> None:
    info, settings = said(own)
    unfit = [one for one in complaints("state", info, settings) if "not durable" not in one]
    assert unfit == []
    assert len(complaints("cache", info, settings)) == 2
