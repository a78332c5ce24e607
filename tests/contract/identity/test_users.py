"""Users, failed logins and keys, on every database."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.helpers.identity_house import ISSUING, KEY, NOW, House, at_home
from tta_gateway.features.identity.keyring import Change, StoredKey
from tta_gateway.features.identity.signing import made
from tta_gateway.features.identity.sql_tables import TRIES
from tta_gateway.features.identity.store import ACTIVE, DISABLED, NameTaken, User
from tta_gateway.support.sql.url import DatabaseUrl

pytestmark = pytest.mark.e2e
PLAYER = frozenset({"player"})


def test_a_user_is_found_by_name_and_by_id(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada = await house.user(roles=("player", "therapist"))
        assert await house.users.named("ada") == ada == await house.users.of(ada.id)
        assert (await house.users.named("bob"), await house.users.of("x")) == (None, None)

    at_home(url, work)


def test_a_name_is_somebody_s_alone(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        with pytest.raises(NameTaken):
            await house.user()
        assert await house.users.all(after="", most=9) == [ada]

    at_home(url, work)


def test_users_are_told_by_name_page_by_page(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        for name in ("eve", "ada", "bob"):
            await house.user(name)
        first = await house.users.all(after="", most=2)
        rest = await house.users.all(after=first[-1].name, most=2)
        assert [one.name for one in (*first, *rest)] == ["ada", "bob", "eve"]
        assert {one.roles for one in first} == {frozenset({"player"})}

    at_home(url, work)


def test_another_password_ends_all_sessions(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        await house.session(ada)
        await house.users.set_password(ada.id, "other", now=NOW + 1)
        found = await house.users.named("ada")
        assert found is not None
        assert found.password == "other"
        assert await house.sessions.open(ada.id, now=NOW + 2) == []
        assert len(await house.revoked()) == 2

    at_home(url, work)


def test_another_hash_of_the_same_one_does_not_and_is_not_kept_over_another(
    url: DatabaseUrl,
) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        await house.session(ada)
        await house.users.rehash(ada.id, "hash", "better")
        await house.users.rehash(ada.id, "hash", "too late")
        found = await house.users.named("ada")
        assert found is not None
        assert found.password == "better"
        assert len(await house.sessions.open(ada.id, now=NOW + 2)) == 1

    at_home(url, work)


def test_roles_are_granted_and_revoked_and_old_tokens_count_no_more(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        change = house.users.set_roles
        assert await change(ada.id, grant=["therapist"], revoke=["player"], by="b", now=NOW + 1)
        found = await house.users.of(ada.id)
        assert found is not None
        assert (found.roles, found.changed) == (frozenset({"therapist"}), NOW + 1)
        assert {*await house.revoked()} == {("subject", ada.id)}
        assert not await change(ada.id, grant=["therapist"], revoke=["player"], by="b", now=NOW + 2)
        assert not await change("nobody", grant=["therapist"], revoke=[], by="b", now=NOW + 2)
        assert (await house.revoked())["subject", ada.id].before == NOW + 1

    at_home(url, work)


def test_a_user_is_disabled_and_enabled(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        states = []
        for state in (DISABLED, ACTIVE):
            await house.users.set_state(ada.id, state, now=NOW)
            found = await house.users.of(ada.id)
            assert found is not None
            states.append(found.state)
        assert states == [DISABLED, ACTIVE]

    at_home(url, work)


def test_failures_are_counted_until_one_has_to_wait(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        keys = [(b"a" * 32, 3), (b"b" * 32, 10)]
        count, second = house.failures.count, 0.0
        assert [await count(keys, now=NOW) for _ in range(4)] == [0.0, 0.0, 0.0, 5.0]
        second = await count(keys, now=NOW + 6)
        assert (second, await count(keys, now=NOW + 6)) == (0.0, 10.0)
        assert await count([(b"c" * 32, 3), keys[1]], now=NOW + 6) == 0.0

    at_home(url, work)


def test_a_good_login_is_taken_back_and_its_name_forgiven(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        name, place = b"a" * 32, b"b" * 32
        for _ in range(9):
            assert await house.failures.count([(name, 3), (place, 9)], now=NOW) == 0.0
            await house.failures.forgive(name)
        await house.failures.take_back(place)
        assert await house.failures.count([(name, 3), (place, 9)], now=NOW) == 0.0
        assert await house.failures.count([(name, 3), (place, 9)], now=NOW) == 5.0

    at_home(url, work)


def test_whoever_waits_writes_nothing_and_what_is_old_is_forgotten(url: DatabaseUrl) -> None:
    async def rows(house: House) -> int:
        async with house.database.read() as connection:
            return len((await connection.execute(select(TRIES))).all())

    async def work(house: House) -> None:
        place = (b"z" * 32, 1)
        assert await house.failures.count([place], now=NOW) == 0.0
        for number in range(5):
            name = (bytes([number]) * 32, 3)
            assert await house.failures.count([name, place], now=NOW + 1) > 0.0
        assert await rows(house) == 1
        await house.revocations.tidy(NOW + 3_600)
        assert await rows(house) == 1
        await house.revocations.tidy(NOW + 2 * 86_400)
        assert await rows(house) == 0

    at_home(url, work)


def test_of_many_at_once_no_more_get_through_than_one_after_the_other(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        keys = [(b"a" * 32, 3)]
        waits = await asyncio.gather(*(house.failures.count(keys, now=NOW) for _ in range(8)))
        assert sorted(waits) == [0.0] * 3 + [5.0] * 5

    at_home(url, work)


def test_keys_are_made_once_by_however_many_nodes(url: DatabaseUrl) -> None:
    def first(keys: Sequence[StoredKey]) -> Change:
        return Change() if keys else Change(signs_from=NOW)

    def new(signs_from: float) -> StoredKey:
        return made("EdDSA", KEY, signs_from=signs_from)

    async def work(house: House) -> None:
        done = await asyncio.gather(*(house.keys.change(first, new) for _ in range(4)))
        assert sorted(done) == [False, False, False, True]
        (key,) = await house.keys.all()
        ends = Change(proves_until=((key.id, NOW + 5),), signs_from=NOW + 1)
        await house.keys.change(lambda _: ends, new)
        old, young = await house.keys.all()
        assert (old.id, old.proves_until, young.proves_until) == (key.id, NOW + 5, None)
        await house.keys.change(lambda _: Change(gone=(old.id,)), new)
        assert await house.keys.all() == [young]

    at_home(url, work)


def test_what_was_revoked_is_told_from_a_time_on(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        await house.session(ada)
        await house.sessions.end(ada.id, "id-ada-s1", why="logout", now=NOW)
        (first,) = await house.revocations.revoked(0.0)
        await house.sessions.end_all(ada.id, why="logout", now=NOW + 1)
        assert first.changed > 0
        (later,) = await house.revocations.revoked(first.changed)
        assert (later.kind, later.value) == ("subject", ada.id)
        assert ISSUING.lockout.account == 3

    at_home(url, work)


def mira(*roles: str, now: float = NOW, called: str = "Mira") -> User:
    """Somebody who logs in by way of a service, as it says."""
    lent = frozenset(roles)
    return User(
        id="home:" + "u" * 250,
        name="u" * 250,
        state=ACTIVE,
        created=now,
        changed=now,
        roles=lent,
        provider="home",
        called=called,
        lent=lent,
    )


def test_who_logs_in_by_way_of_a_service_is_kept_with_what_it_lends(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        made = await house.users.link(mira("player"))
        assert made == await house.users.of(made.id) == await house.users.at("home", made.name)
        assert await house.users.named(made.name) is None
        assert await house.users.link(mira("player", now=NOW + 5)) == made
        assert await house.revoked() == {}
        token = await house.session(made)
        assert (await house.sessions.find(token))[1] == made.id

    at_home(url, work)


def test_what_it_lends_no_more_is_gone_with_the_tokens_that_say_it(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        made = await house.users.link(mira("player", "researcher"))
        less = await house.users.link(mira("player", now=NOW + 5, called="M"))
        assert (less.roles, less.lent, less.called) == (PLAYER, PLAYER, "M")
        assert (await house.revoked())["subject", made.id].before == NOW + 5
        assert less.changed == NOW + 5

    at_home(url, work)


def test_what_is_granted_here_stays_whatever_it_lends(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        made = await house.users.link(mira("player"))
        change = {"revoke": (), "by": "admin", "now": NOW + 1}
        assert await house.users.set_roles(made.id, grant=("player", "therapist"), **change)  # type: ignore[arg-type]
        left = await house.users.link(mira(now=NOW + 2))
        assert (left.roles, left.lent) == (PLAYER | {"therapist"}, frozenset())
        assert not await house.users.set_roles(made.id, grant=("player",), **change)  # type: ignore[arg-type]
        change["revoke"] = ("player",)
        assert await house.users.set_roles(made.id, grant=(), **change)  # type: ignore[arg-type]
        assert (await house.users.link(mira("player", now=NOW + 3))).lent == {"player"}

    at_home(url, work)


def test_a_subject_that_is_somebody_s_already_is_taken(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        ada = await house.user()
        with pytest.raises(NameTaken):
            await house.users.link(replace(mira("player"), id=ada.id))
        assert await house.users.all(after="", most=9) == [ada]

    at_home(url, work)


def test_operators_see_them_among_all_others(url: DatabaseUrl) -> None:
    async def work(house: House) -> None:
        made = await house.users.link(mira("player"))
        for name in ("ada", "zoe"):
            await house.user(name)
        everybody = await house.users.all(after="", most=9)
        assert [one.handle for one in everybody] == ["ada", made.handle, "zoe"]
        assert everybody[1] == made
        assert [one.name for one in await house.users.all(after=made.handle, most=9)] == ["zoe"]

    at_home(url, work)
