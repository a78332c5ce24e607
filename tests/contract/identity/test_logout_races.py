"""A logout at a provider, at the very moment at which something begins of the login.

Whichever of the two comes first, nothing of that login is left.  Each test has one side stand still
in its transaction at the worst place, while another node does all that it can of the other.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import pytest
from sqlalchemy import delete

from tests.helpers.halting import meanwhile
from tests.helpers.identity_house import LASTING, NOW, House, at_home
from tests.helpers.oauth_house import _EMPTIED, BACK, CHALLENGE, WEB
from tta_gateway.features.identity import refresh_token
from tta_gateway.features.identity.external_store import Over, Tie
from tta_gateway.features.identity.oauth_client import OAuthClient
from tta_gateway.features.identity.oauth_store import Code, Redemption, Shown
from tta_gateway.features.identity.recheck_store import Kept
from tta_gateway.features.identity.sql_external import SqlExternal
from tta_gateway.features.identity.sql_oauth_clients import SqlOAuthClients
from tta_gateway.features.identity.sql_oauth_codes import LASTS, SqlCodes
from tta_gateway.features.identity.sql_recheck import SqlRecheck
from tta_gateway.features.identity.store import ACTIVE, User
from tta_gateway.support.sql.database import Database
from tta_gateway.support.sql.url import DatabaseUrl

pytestmark = pytest.mark.e2e

THERE, SUBJECT = b"t" * 32, b"s" * 32
OF_SESSION: Final = Over(there=THERE)
OF_SUBJECT: Final = Over(subject=SUBJECT, user_id="id-ada")
ENDS: Final = NOW + 1000
Work = Callable[[House, User, SqlExternal, SqlExternal], Awaitable[None]]


def at_two(url: DatabaseUrl, work: Work) -> None:
    """Do the work with what two nodes keep of providers in one database, where ada is."""

    async def done(house: House) -> None:
        elsewhere = Database(url)
        try:
            here = SqlExternal(lambda: house.database, lasting=lambda: LASTING)
            there = SqlExternal(lambda: elsewhere, lasting=lambda: LASTING)
            await work(house, await house.user(), here, there)
        finally:
            await elsewhere.close()

    at_home(url, done)


async def is_dead(house: House, user: User, *sessions: str) -> None:
    """Nobody is logged in, and workers are told so of each of these sessions."""
    assert await house.sessions.open(user.id, now=NOW) == []
    assert {("session", one) for one in sessions} <= (await house.revoked()).keys()


@pytest.mark.parametrize("over", [OF_SESSION, OF_SUBJECT], ids=["session", "subject"])
def test_a_logout_while_a_session_is_being_tied_ends_it(url: DatabaseUrl, over: Over) -> None:
    """Red with a plain SELECT in place of `held` (sql_tables.py), on PostgreSQL."""

    async def work(house: House, ada: User, here: SqlExternal, elsewhere: SqlExternal) -> None:
        since = await here.use(b"1", until=NOW + 60, now=NOW)
        assert since is not None
        await house.session(ada)
        _, ended = await meanwhile(
            house.database,
            "INTO external_sessions",
            here.link("id-ada-s1", Tie(THERE, SUBJECT, since), ends=ENDS, now=NOW),
            elsewhere.end(b"2", over, until=NOW + 60, now=NOW),
        )
        assert ended
        await is_dead(house, ada, "id-ada-s1")

    at_two(url, work)


@pytest.mark.parametrize("over", [OF_SESSION, OF_SUBJECT], ids=["session", "subject"])
def test_a_session_that_is_tied_while_a_logout_is_carried_out_does_not_last(
    url: DatabaseUrl, over: Over
) -> None:
    """Red with `_noted` behind what ends sessions (sql_external.py), on PostgreSQL."""

    async def work(house: House, ada: User, here: SqlExternal, elsewhere: SqlExternal) -> None:
        since = await elsewhere.use(b"1", until=NOW + 60, now=NOW)
        assert since is not None

        async def let_in() -> bool:
            await house.session(ada)
            tie = Tie(THERE, SUBJECT, since)
            return await elsewhere.link("id-ada-s1", tie, ends=ENDS, now=NOW)

        # What there is has been looked at: the session of this moment is not seen.
        words = "FROM sessions"
        ended, is_in = await meanwhile(
            house.database, words, here.end(b"2", over, until=NOW + 60, now=NOW), let_in()
        )
        assert (ended, is_in) == (True, False)
        await is_dead(house, ada, "id-ada-s1")

    at_two(url, work)


@pytest.mark.parametrize("since", [0.0, 1.0], ids=["after the logout", "before it"])
def test_a_login_is_over_whose_subject_has_been_logged_out_since(
    url: DatabaseUrl, since: float
) -> None:
    """And one that begins behind the logout is not."""

    async def work(house: House, ada: User, here: SqlExternal, elsewhere: SqlExternal) -> None:
        first = await here.use(b"1", until=NOW + 60, now=NOW)
        assert await elsewhere.end(b"2", OF_SUBJECT, until=NOW + 60, now=NOW + 1)
        second = await here.use(b"3", until=NOW + 60, now=NOW + 2)
        assert first is not None
        assert second is not None
        tie = Tie(b"", SUBJECT, first if since else second)
        await house.session(ada, now=NOW + 2)
        lasts = await here.link("id-ada-s1", tie, ends=ENDS, now=NOW + 2)
        assert (lasts, len(await house.sessions.open(ada.id, now=NOW))) == (not since, not since)

    at_two(url, work)


@pytest.mark.parametrize("over", [OF_SESSION, OF_SUBJECT], ids=["session", "subject"])
@pytest.mark.parametrize("is_first", [True, False], ids=["the code", "the logout"])
def test_a_logout_while_a_code_is_redeemed_ends_what_it_leads_to(
    url: DatabaseUrl, over: Over, is_first: bool
) -> None:
    """Red without `held_there` (sql_oauth_codes.py), on PostgreSQL: the code is first, then."""

    async def work(house: House, ada: User, here: SqlExternal, elsewhere: SqlExternal) -> None:
        since = await here.use(b"1", until=NOW + 60, now=NOW)
        assert since is not None
        await house.session(ada)
        tie = Tie(THERE, SUBJECT, since)
        assert await here.link("id-ada-s1", tie, ends=ENDS, now=NOW)
        codes = await with_a_code(house, ada)
        token = refresh_token.first()
        redeemed = codes.redeem(SHOWN, session_id="child", token=token, now=NOW + 1)
        if is_first:
            end = elsewhere.end(b"2", over, until=NOW + 60, now=NOW + 1)
            found, _ = await meanwhile(house.database, "SELECT sessions.ended", redeemed, end)
            assert not isinstance(found, Redemption)
            await is_dead(house, ada, "id-ada-s1", "child")
        else:
            end = here.end(b"2", over, until=NOW + 60, now=NOW + 1)
            _, found = await meanwhile(house.database, "UPDATE sessions", end, redeemed)
            assert found is Redemption.OVER
            await is_dead(house, ada, "id-ada-s1")

    at_two(url, work)


@pytest.mark.parametrize("is_first", [True, False], ids=["the code", "the end"])
def test_what_a_provider_ends_while_a_code_is_redeemed_has_no_child(
    url: DatabaseUrl, is_first: bool
) -> None:
    """Red where `end` looks once for what rests on it (sql_recheck.py), on PostgreSQL."""

    async def work(house: House, ada: User, node: Database) -> None:
        here = SqlRecheck(lambda: house.database, lasting=lambda: LASTING)
        elsewhere = SqlRecheck(lambda: node, lasting=lambda: LASTING)
        await house.session(ada)
        await here.keep(Kept("r1", ada.id, "clinic", b"sealed", NOW), until=NOW + 900)
        await here.tie("r1", "id-ada-s1", ends=ENDS)
        codes = await with_a_code(house, ada)
        token = refresh_token.first()
        redeemed = codes.redeem(SHOWN, session_id="child", token=token, now=NOW + 1)
        if is_first:
            end = elsewhere.end("r1", now=NOW + 1)
            found, _ = await meanwhile(house.database, "SELECT sessions.ended", redeemed, end)
            assert not isinstance(found, Redemption)
            await is_dead(house, ada, "id-ada-s1", "child")
        else:
            end = here.end("r1", now=NOW + 1)
            _, found = await meanwhile(house.database, "UPDATE sessions", end, redeemed)
            assert found is Redemption.OVER
            await is_dead(house, ada, "id-ada-s1")

    async def done(house: House) -> None:
        node = Database(url)
        try:
            await work(house, await house.user(), node)
        finally:
            await node.close()

    at_home(url, done)


SHOWN: Final = Shown(code=b"c" * 32, client_id="app", redirect_uri=BACK, challenge=CHALLENGE)


async def with_a_code(house: House, user: User) -> SqlCodes:
    """A client has a code for who is logged in; what keeps it."""
    app = OAuthClient(id="app", name="app", terms=WEB, state=ACTIVE, created=NOW, epoch="e1")
    async with house.database.write() as connection:
        for table in _EMPTIED:
            await connection.execute(delete(table))
    await SqlOAuthClients(lambda: house.database, lasting=lambda: LASTING).create(app)
    code = Code(
        client_id="app",
        user_id=user.id,
        redirect_uri=BACK,
        challenge=CHALLENGE,
        scope="",
        nonce="",
        begun=NOW,
        methods="fed",
        until=NOW + LASTS,
        parent=f"{user.id}-s1",
    )
    kept = SqlCodes(lambda: house.database, issuing=lambda: house.issuing, lasting=lambda: LASTING)
    await kept.add(SHOWN.code, code)
    return kept
