"""Clients as they are made and changed."""

from pathlib import Path

import pytest

from tests.helpers.oauth_house import WEB, OAuthHouse, within
from tta_gateway.features.identity.oauth_client import Terms
from tta_gateway.features.identity.oauth_clients import NotSo, Registrar, public_keys
from tta_gateway.features.identity.oauth_store import NameInUse

SERVICE = Terms(kind="confidential")


def registrar(house: OAuthHouse) -> Registrar:
    assert house.registrar is not None
    return house.registrar


def test_a_public_client_has_no_secret_and_a_confidential_one_has(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        made = registrar(house)
        public, nothing = await made.create("app", WEB)
        service, secret = await made.create("service", SERVICE)
        assert (public.id.startswith("client-"), nothing, public.secrets) == (True, "", ())
        assert (secret.startswith("tta_cs_"), len(service.secrets)) == (True, 1)
        assert [one.name for one in await made.all()] == ["app", "service"]
        assert await made.of("app") == await made.of(public.id) == public
        assert await made.of("nobody") is None

    within(tmp_path, work)


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        made = registrar(house)
        public, _ = await made.create("app", WEB)
        with pytest.raises(NameInUse):
            await made.create("app", SERVICE)
        with pytest.raises(NotSo, match="no role"):
            await made.create("other", Terms(kind="confidential", roles=("wizard",)))
        with pytest.raises(NotSo, match="name"):
            await made.create("", SERVICE)
        with pytest.raises(NotSo, match="no secret"):
            await made.add_secret(public)
        with pytest.raises(NotSo, match="has no secret `x`: it has none"):
            await made.withdraw(public, "x")
        with pytest.raises(NotSo, match="stays what it is"):
            await made.change(public, SERVICE)

    within(tmp_path, work)


def test_a_client_has_two_secrets_at_most(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        made = registrar(house)
        client, _ = await made.create("service", SERVICE)
        house.now += 1.0
        client, _ = await made.add_secret(client)
        with pytest.raises(NotSo, match="2 secrets: withdraw"):
            await made.add_secret(client)
        first, second = client.secrets
        left = await made.withdraw(client, first.name)
        assert left.secrets == (second,)
        assert left.epoch != client.epoch

    within(tmp_path, work)


def test_what_it_may_is_changed_and_its_tokens_are_over(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        made = registrar(house)
        client, _ = await made.create("service", SERVICE)
        told = house.told
        changed = await made.change(client, Terms(kind="confidential", scopes=("read",)))
        assert (changed.terms.scopes, changed.epoch == client.epoch) == (("read",), False)
        off = await made.set_active(changed, is_active=False)
        same = await made.set_active(off, is_active=False)
        assert (off.state, same) == ("disabled", off)
        await made.remove(off)
        assert (house.told - told, await made.of("service")) == (3, None)

    within(tmp_path, work)


def test_no_client_has_a_role_that_two_people_grant(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        made = registrar(house)
        before, _ = await made.create("before", Terms(kind="confidential", roles=("player",)))
        other, _ = await made.create("other", SERVICE)
        made.two_person = lambda: ("player", "admin")
        wanted = Terms(kind="confidential", roles=("service", "player"))
        for work in (made.create("new", wanted), made.change(other, wanted)):
            with pytest.raises(NotSo, match=r"Nobody grants `player` alone .* cannot have it"):
                await work
        assert [one.name for one in await made.all()] == ["before", "other"]
        assert await made.of("other") == other
        kept = await made.change(before, wanted)  # as people keep what they have
        assert kept.terms.roles == ("service", "player")
        made.two_person = lambda: ("service",)  # which is what a client has if nothing is said
        with pytest.raises(NotSo, match="`service`"):
            await made.create("new", SERVICE)

    within(tmp_path, work)


def test_keys_are_a_set_of_public_ones() -> None:
    with pytest.raises(NotSo, match="key set"):
        public_keys("{}")
