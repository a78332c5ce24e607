"""The store in Valkey without one: what is said of it; the rest is tests/contract/registration."""

import asyncio

import pytest

from tests.helpers.register_store import a_registration
from tta_gateway.features.registration.store import Away
from tta_gateway.features.registration.valkey_store import ValkeyStore

NOWHERE = ValkeyStore(lambda: None)


def test_without_a_client_it_is_away() -> None:
    asking = (
        lambda: NOWHERE.put(a_registration()),
        lambda: NOWHERE.read("players/a"),
        lambda: NOWHERE.drop("players/a"),
        lambda: NOWHERE.look(None, node="n", idle=()),
    )
    for ask in asking:
        with pytest.raises(Away, match="no store for state yet"):
            asyncio.run(ask())
