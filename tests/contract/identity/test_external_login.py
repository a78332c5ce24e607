"""Logins by way of a real provider: what is let in, and the table of what is not."""

# ruff: noqa: ARG001, ANN401 - works and spoils are called alike

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlsplit

import msgspec
import pytest
from joserfc.jwk import RSAKey

from tests.helpers.fake_clock import FakeClock
from tests.helpers.identity_house import ISSUING, KEY, LASTING
from tests.helpers.openid_provider import SECRET, Key, OpenidProvider, openid_provider
from tests.helpers.sign_in_house import SignInHouse, within
from tta_gateway.features.identity import problems
from tta_gateway.features.identity.bound import External, Issuing
from tta_gateway.features.identity.external_client import HttpPeer
from tta_gateway.features.identity.external_directory import Directory
from tta_gateway.features.identity.external_login import Broken, Done, ExternalLogin, Tools
from tta_gateway.features.identity.sql_external import SqlExternal
from tta_gateway.kernel.errors import ClientFault, GatewayError
from tta_gateway.support.bus import Bus
from tta_gateway.support.metrics import Registry

HOME: Final = ISSUING.url
BACK: Final = f"{HOME}/app"
STATE, DENIED = problems.EXTERNAL_STATE, problems.EXTERNAL_DENIED
REFUSED, AWAY = problems.EXTERNAL_REFUSED, problems.EXTERNAL_AWAY
Cookies = dict[str, str]


class House:
    """A gateway's part in it, beside one or two providers."""

    def __init__(self, kept: SignInHouse, *homes: OpenidProvider, **more: object) -> None:
        self.kept = kept
        self.clock = FakeClock(wall=kept.now)
        self.providers = [
            External(
                name=f"clinic{number or ''}",
                issuer=home.url,
                client_id="gateway",
                secret=SECRET,
                **more,  # type: ignore[arg-type]
            )
            for number, home in enumerate(homes)
        ]
        for one, home in zip(self.providers, homes, strict=True):
            home.register(HOME, one.name)
        self.issuing: Issuing = msgspec.structs.replace(
            ISSUING, url=HOME, providers=tuple(self.providers)
        )
        kept.issuing = self.issuing
        self.counts = Registry()
        self.peer = HttpPeer()
        self.directory = Directory(
            self.peer,
            Bus(),
            log=kept,
            clock=self.clock,
            counts=self.counts,
            chance=lambda: 1.0,
        )
        self.directory.adopt(self.providers)
        self.login = self.node()

    def node(self) -> ExternalLogin:
        """One of the nodes: all have the key and the database."""
        assert self.kept.sign_in is not None
        store = SqlExternal(lambda: self.kept.kept.database, lasting=lambda: LASTING)
        return ExternalLogin(
            Tools(
                self.kept.sign_in,
                self.kept.kept.users,
                store,
                self.directory,
                self.peer,
                self.kept.rechecker,
            ),
            issuing=lambda: self.issuing,
            key=lambda: KEY,
            wall=self.clock.wall,
            log=self.kept,
            counts=self.counts,
        )

    async def begin(self, number: int = 0) -> tuple[str, Cookies]:
        """Begin a login: where the browser is sent, and its cookies then."""
        begun = await self.login.begin(self.providers[number], BACK)
        name, _, value = begun.cookie.partition(";")[0].partition("=")
        return begun.url, {name: value}

    async def answer(self, url: str) -> list[tuple[str, str]]:
        """Go where the browser is sent, and return what it comes back with."""
        parts = urlsplit(url)
        connection = HTTPConnection(parts.netloc, timeout=5)
        connection.request("GET", f"{parts.path}?{parts.query}")
        told = connection.getresponse()
        location = told.headers["location"]
        connection.close()
        assert location.startswith(f"{HOME}/api/v1/auth/external/clinic"), told.status
        return parse_qsl(urlsplit(location).query)

    async def finish(self, pairs: list[tuple[str, str]], cookies: Cookies, number: int = 0) -> Done:
        return await self.login.finish(self.providers[number], pairs, cookies)

    async def let_in(self) -> Done:
        """Do all of it."""
        url, cookies = await self.begin()
        return await self.finish(await self.answer(url), cookies)

    async def refusal(
        self, pairs: list[tuple[str, str]], cookies: Cookies, number: int = 0
    ) -> tuple[str, str]:
        """Why nobody is let in: the code, and where the browser goes."""
        with pytest.raises(Broken) as caught:
            await self.finish(pairs, cookies, number)
        assert caught.value.problem.code != problems.STORE_UNAVAILABLE.code
        return caught.value.problem.code, caught.value.return_to

    async def lasting(self, user: str) -> int:
        assert self.kept.sign_in is not None
        return len(await self.kept.sign_in.open(user))


def at(
    folder: Path, work: Callable[[House, OpenidProvider], Awaitable[None]], **more: object
) -> None:
    """Do the work with one provider."""
    with openid_provider() as home:

        async def done(kept: SignInHouse) -> None:
            await work(House(kept, home, **more), home)

        within(folder, done, now=time.time())


def test_who_is_known_there_is_let_in_under_a_pseudonym_alone(tmp_path: Path) -> None:
    async def work(house: House, home: OpenidProvider) -> None:
        home.claims = {"email": "ada@clinic.example", "name": "Ada Lovelace"}
        done = await house.let_in()
        user = done.grant.user
        assert done.return_to == BACK
        assert (set(user.roles), user.called) == ({"player"}, "")
        assert user.id == f"clinic:{user.name}"
        claims = house.kept.bearers.needed(f"Bearer {done.grant.access_token}").claims
        written = repr((user, claims, house.kept.events))
        assert not re.search(r"\bada\b", written.lower())  # in an id it may stand
        assert (claims["amr"], claims["acr"]) == (["fed"], "1")
        again = await house.let_in()
        assert again.grant.user.id == user.id
        assert "/userinfo" not in home.asked  # nothing more is asked for than may come in
        home.subject = "another"
        assert (await house.let_in()).grant.user.id != user.id

    at(tmp_path, work)


def test_what_may_come_in_comes_in(tmp_path: Path) -> None:
    async def work(house: House, home: OpenidProvider) -> None:
        home.subject = "u-1"
        home.claims = {"email": "ada@clinic.example", "groups": ["coach", "therapist"]}
        user = (await house.let_in()).grant.user
        assert (user.id, user.called) == ("clinic:u-1", "ada@clinic.example")
        assert user.roles == {"coach"}
        home.claims["groups"] = ["player"]
        house.clock.advance(1.0)
        assert (await house.let_in()).grant.user.roles == {"player"}
        assert house.kept.told == 1  # all workers hear of it, on all nodes
        house.clock.advance(1.0)
        await house.let_in()
        assert house.kept.told == 1

    at(
        tmp_path,
        work,
        subject="provider",
        claims=("preferred_username", "email"),
        role_claim="groups",
        roles=("player", "coach"),
    )


def test_what_is_asked_binds_the_answer(tmp_path: Path) -> None:
    async def work(house: House, home: OpenidProvider) -> None:
        url, cookies = await house.begin()
        assert url.startswith(f"{home.url}/authorize?tenant=a&")
        asked = {name: one for name, (one,) in parse_qs(urlsplit(url).query).items()}
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert asked["redirect_uri"] == f"{HOME}/api/v1/auth/external/clinic/callback"
        assert (asked["scope"], asked["max_age"]) == ("openid profile", "3600")
        assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
        (value,) = cookies.values()
        assert asked["state"] not in value
        await house.let_in()

    at(tmp_path, work, scopes=("profile", "openid"), max_age=3600.0)


def test_another_node_takes_the_answer_and_none_takes_it_twice(tmp_path: Path) -> None:
    async def work(house: House, home: OpenidProvider) -> None:
        url, cookies = await house.begin()
        pairs = await house.answer(url)
        house.login = house.node()
        assert (await house.finish(pairs, cookies)).return_to == BACK
        house.login = house.node()
        assert await house.refusal(pairs, cookies) == (STATE.code, "")
        url, cookies = await house.begin()
        pairs = await house.answer(url)
        house.clock.advance(601.0)
        assert await house.refusal(pairs, cookies) == (STATE.code, "")

    at(tmp_path, work)


def test_answers_that_belong_to_no_login_of_this_browser(tmp_path: Path) -> None:
    async def work(house: House, home: OpenidProvider) -> None:
        url, cookies = await house.begin()
        pairs = await house.answer(url)
        _, others = await house.begin()
        (name,), (value,) = cookies, cookies.values()
        told = dict(pairs)
        for wrong, kept in (
            (pairs, {}),  # of another browser
            (pairs, {name: next(iter(others.values()))}),  # of another login of this one
            (pairs, {name: value[:-2]}),
            (pairs, {name: f"{value[:40]}{'A' if value[40] != 'A' else 'B'}{value[41:]}"}),
            (pairs, {name: "ä"}),
            (pairs, {name: "A" * 9000}),
            ([("code", told["code"])], cookies),  # no state
            ([*pairs, ("state", told["state"])], cookies),  # twice
            ([("state", told["state"] + "x"), ("code", told["code"])], cookies),
            ([("state", ""), ("code", told["code"])], cookies),
            ([*pairs[:1], ("state", "x" * 3000)], cookies),
        ):
            assert await house.refusal(wrong, kept) == (STATE.code, ""), (wrong, kept)
        assert home.asked.count("/token") == 0
        assert (await house.finish(pairs, cookies)).return_to == BACK

    at(tmp_path, work)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"iss": "https://evil.example"}, REFUSED),  # mix-up (RFC 9207)
        ({"iss": None}, REFUSED),  # it says that it names itself
        ({"code": "another"}, REFUSED),
        ({"code": ""}, REFUSED),
        ({"code": None}, REFUSED),
        ({"code": None, "error": "access_denied"}, DENIED),
        ({"error": "access_denied"}, DENIED),
        ({"code": None, "error": "temporarily_unavailable"}, AWAY),
        ({"error": "access_denied", "iss": "https://evil.example"}, REFUSED),
    ],
)
def test_answers_that_let_nobody_in(
    tmp_path: Path, changed: dict[str, str | None], problem: Any
) -> None:
    async def work(house: House, home: OpenidProvider) -> None:
        url, cookies = await house.begin()
        told = {**dict(await house.answer(url)), **changed}
        pairs = [(name, said) for name, said in told.items() if said is not None]
        assert await house.refusal(pairs, cookies) == (problem.code, BACK)
        home_user = await house.kept.kept.users.all(after="", most=10)
        assert home_user == []
        # Whatever has come of it, it counts no more.
        assert await house.refusal(pairs, cookies) == (STATE.code, "")

    at(tmp_path, work)


def test_a_code_of_another_browser_is_worth_nothing(tmp_path: Path) -> None:
    async def work(house: House, home: OpenidProvider) -> None:
        stolen = dict(await house.answer((await house.begin())[0]))["code"]
        url, cookies = await house.begin()
        pairs = [*(await house.answer(url))]
        injected = [(name, stolen if name == "code" else one) for name, one in pairs]
        assert await house.refusal(injected, cookies) == (REFUSED.code, BACK)
        ((_, fields),) = [one for one in house.kept.events if one[0] == "external_login_refused"]
        assert fields["cause"] == "it answers 400 to a code: invalid_grant"  # PKCE

    at(tmp_path, work)


ROGUE: Final = RSAKey.generate_key(2048, {"kid": "rogue"})


def _none(header: dict[str, Any], _: dict[str, Any]) -> Key:
    header["alg"] = "none"
    return b""


def _by_secret(header: dict[str, Any], _: dict[str, Any]) -> Key:
    header.update(alg="HS256")
    return SECRET.encode()


def _by_public(home: OpenidProvider) -> Callable[[dict[str, Any], dict[str, Any]], Key]:
    pem = home.keys[0].as_pem(private=False)

    def spoil(header: dict[str, Any], _: dict[str, Any]) -> Key:
        header.update(alg="HS256")
        return pem

    return spoil


def _by_rogue(header: dict[str, Any], _: dict[str, Any]) -> Key:
    return ROGUE


def _by_header(header: dict[str, Any], _: dict[str, Any]) -> Key:
    header.update(jwk=ROGUE.as_dict(private=False), kid="rogue")
    return ROGUE


def _says(**changed: Any) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    def spoil(header: dict[str, Any], claims: dict[str, Any]) -> None:
        for name, said in changed.items():
            claims[name] = said(claims) if callable(said) else said

    return spoil


def _typed(kind: str) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    return lambda header, _: header.update(typ=kind)


NOW: Final = time.time()
SPOILED: Final[dict[str, Any]] = {
    "alg none": _none,
    "HS256 by the client's secret": _by_secret,
    "another key of the same name": _by_rogue,
    "a key that the token brings": _by_header,
    "another nonce": _says(nonce="another"),
    "no nonce": _says(nonce=None),
    "a nonce that is a list": _says(nonce=lambda claims: [claims["nonce"]]),
    "another issuer": _says(iss="https://evil.example"),
    "an issuer with a slash more": _says(iss=lambda claims: claims["iss"] + "/"),
    "no issuer": _says(iss=None),
    "another client": _says(aud="another"),
    "no audience": _says(aud=None),
    "others as well": _says(aud=["gateway", "another"]),
    "issued to another": _says(azp="another"),
    "expired": _says(exp=int(NOW) - 60),
    "without an end": _says(exp=None),
    "without a beginning": _says(iat=None),
    "made in the future": _says(iat=int(NOW) + 3600, exp=int(NOW) + 7200),
    "not yet": _says(nbf=int(NOW) + 3600),
    "an access token": _typed("at+jwt"),
    "a logout token": _typed("logout+jwt"),
    "another access token": _says(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    "an at_hash that is a number": _says(at_hash=1),
    "nobody": _says(sub=None),
    "an empty subject": _says(sub=""),
    "a subject that is a number": _says(sub=1),
    "a subject of other letters": _says(sub="ада"),
    "a long subject": _says(sub="a" * 256),
    "no time of login": _says(auth_time=None),
    "a login of long ago": _says(auth_time=int(NOW) - 7200),
    "a time of login that is none": _says(auth_time=True),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_id_tokens_that_are_not_believed(tmp_path: Path, spoil: Any) -> None:
    async def work(house: House, home: OpenidProvider) -> None:
        home.spoil = spoil
        url, cookies = await house.begin()
        pairs = await house.answer(url)
        assert await house.refusal(pairs, cookies) == (REFUSED.code, BACK)
        assert await house.kept.kept.users.all(after="", most=10) == []
        home.spoil = lambda _, __: None
        assert (await house.let_in()).return_to == BACK

    at(tmp_path, work, max_age=3600.0)


def test_a_public_key_is_no_secret(tmp_path: Path) -> None:
    async def work(house: House, home: OpenidProvider) -> None:
        home.spoil = _by_public(home)
        url, cookies = await house.begin()
        assert await house.refusal(await house.answer(url), cookies) == (REFUSED.code, BACK)

    at(tmp_path, work)


def test_of_two_providers_none_answers_for_the_other(tmp_path: Path) -> None:
    with openid_provider() as one, openid_provider() as other:

        async def work(kept: SignInHouse) -> None:
            house = House(kept, one, other)
            url, cookies = await house.begin(0)
            pairs = await house.answer(url)
            # At the other's place: its cookie is called otherwise, and sealed for another.
            assert await house.refusal(pairs, cookies, 1) == (STATE.code, "")
            renamed = {name.replace("clinic", "clinic1"): one for name, one in cookies.items()}
            assert await house.refusal(pairs, renamed, 1) == (STATE.code, "")
            # The other one's answer, at the place of the first.
            mixed = [(name, other.url if name == "iss" else said) for name, said in pairs]
            assert await house.refusal(mixed, cookies, 0) == (REFUSED.code, BACK)
            assert other.asked.count("/token") == one.asked.count("/token") == 0
            # The same subject there is somebody else here.
            mine = (await house.let_in()).grant.user
            url, cookies = await house.begin(1)
            theirs = (await house.finish(await house.answer(url), cookies, 1)).grant.user
            assert mine.name != theirs.name

        within(tmp_path, work, now=time.time())


def test_keys_that_have_changed_are_fetched_once_in_a_while(tmp_path: Path) -> None:
    async def work(house: House, home: OpenidProvider) -> None:
        await house.let_in()
        home.rotate()
        url, cookies = await house.begin()
        assert await house.refusal(await house.answer(url), cookies) == (REFUSED.code, BACK)
        house.clock.advance(31.0)
        assert (await house.let_in()).return_to == BACK
        assert home.asked.count("/keys") == 2

    at(tmp_path, work)


def test_a_provider_that_is_away_is_told_once(tmp_path: Path) -> None:
    async def work(house: House, home: OpenidProvider) -> None:
        url, cookies = await house.begin()
        pairs = await house.answer(url)
        home.is_away = True
        assert await house.refusal(pairs, cookies) == (AWAY.code, BACK)
        home.is_away = False
        url, cookies = await house.begin()
        pairs = await house.answer(url)
        home.is_away = True
        assert await house.refusal(pairs, cookies) == (AWAY.code, BACK)
        told = [name for name, _ in house.kept.events]
        assert told.count("login_provider_away") == 1
        home.is_away = False
        await house.let_in()
        assert [name for name, _ in house.kept.events][-1] == "login_provider_back"
        fresh = House(house.kept, home)
        home.is_away = True
        with pytest.raises(Broken) as caught:
            await fresh.begin()
        assert (caught.value.problem, caught.value.return_to) == (AWAY, BACK)

    at(tmp_path, work)


def test_who_is_disabled_here_is_not_let_in(tmp_path: Path) -> None:
    async def work(house: House, home: OpenidProvider) -> None:
        user = (await house.let_in()).grant.user
        assert house.kept.accounts is not None
        await house.kept.kept.users.set_state(user.id, "disabled", now=house.clock.wall())
        url, cookies = await house.begin()
        refused = await house.refusal(await house.answer(url), cookies)
        assert refused == (problems.EXTERNAL_ACCOUNT.code, BACK)

    at(tmp_path, work)


# --- logouts that a provider tells of ------------------------------------------------------------


def test_a_logout_there_ends_the_sessions_of_it_here(tmp_path: Path) -> None:
    async def work(house: House, home: OpenidProvider) -> None:
        (provider,) = house.providers
        home.session = "there-1"
        user = (await house.let_in()).grant.user
        await house.let_in()
        home.session = "there-2"
        await house.let_in()
        assert await house.lasting(user.id) == 3
        token = home.logout_token(sid="there-1")
        await house.login.logged_out(provider, token)
        assert await house.lasting(user.id) == 1
        with pytest.raises(ClientFault):
            await house.login.logged_out(provider, token)  # again
        await house.login.logged_out(provider, home.logout_token(sid="there-9"))
        assert await house.lasting(user.id) == 1
        # One that names another subject beside the session is not about this one's.
        await house.login.logged_out(provider, home.logout_token(sid="there-2", sub="other"))
        assert await house.lasting(user.id) == 1
        home.session = "there-3"
        await house.let_in()
        await house.login.logged_out(provider, home.logout_token(sid=None))
        assert await house.lasting(user.id) == 0
        assert house.kept.told >= 4

    at(tmp_path, work)


def test_a_logout_that_was_faster_than_the_login_counts(tmp_path: Path) -> None:
    async def work(house: House, home: OpenidProvider) -> None:
        (provider,) = house.providers
        url, cookies = await house.begin()
        pairs = await house.answer(url)
        await house.login.logged_out(provider, home.logout_token(sub=None))
        assert await house.refusal(pairs, cookies) == (DENIED.code, BACK)
        (user,) = await house.kept.kept.users.all(after="", most=10)
        assert await house.lasting(user.id) == 0

    at(tmp_path, work)


def test_a_logout_of_everything_while_somebody_is_being_let_in_counts(tmp_path: Path) -> None:
    """Red without `since`: it arrives when the provider has been asked, and ends what there is."""

    async def work(house: House, home: OpenidProvider) -> None:
        (provider,), loop = house.providers, asyncio.get_running_loop()
        told: list[bool] = []

        def logged_out(_: dict[str, Any], __: dict[str, Any]) -> None:
            if not told:
                told.append(True)
                logout = house.login.logged_out(provider, home.logout_token(sid=None))
                asyncio.run_coroutine_threadsafe(logout, loop).result(5)

        home.spoil = logged_out
        url, cookies = await house.begin()
        assert await house.refusal(await house.answer(url), cookies) == (DENIED.code, BACK)
        (user,) = await house.kept.kept.users.all(after="", most=10)
        assert (told, await house.lasting(user.id)) == ([True], 0)
        house.clock.advance(1.0)
        house.kept.now += 1.0
        await house.let_in()  # who comes again is let in
        assert await house.lasting(user.id) == 1

    at(tmp_path, work)


HEADERS: Final = ({"typ": "at+jwt"}, {"kid": "another"})
LOGOUTS: Final[tuple[dict[str, Any], ...]] = (
    {"iss": "https://evil.example"},
    {"aud": "another"},
    {"aud": ["gateway", "another"]},
    {"events": None},
    {"events": {}},
    {"events": ["http://schemas.openid.net/event/backchannel-logout"]},
    {"events": {"http://schemas.openid.net/event/backchannel-logout": True}},
    {"nonce": "n"},
    {"nonce": ""},
    {"sub": None, "sid": None},
    {"sub": "", "sid": ""},
    {"sid": 7},
    {"jti": None},
    {"jti": ""},
    {"jti": 7},
    {"iat": None},
    {"exp": None},
    {"exp": int(NOW) - 3600},
    {"iat": int(NOW) - 7200, "exp": int(NOW) + 7200},
    {"azp": "another"},
)


def test_logout_tokens_that_are_not_believed(tmp_path: Path) -> None:
    async def work(house: House, home: OpenidProvider) -> None:
        (provider,) = house.providers
        user = (await house.let_in()).grant.user
        good = home.logout_token()
        tokens = [
            *(home.logout_token(header=one) for one in HEADERS),
            *(home.logout_token(**one) for one in LOGOUTS),
            home.logout_token(key=ROGUE),
            home.logout_token({"alg": "HS256"}, SECRET.encode()),
            home.logout_token({"alg": "none"}, b""),
            home.logout_token({"kid": "rogue", "jwk": ROGUE.as_dict(private=False)}, ROGUE),
            good[:-4],
            f"{good}.",
            "",
            "ä",
            "x" * 9000,
        ]
        for token in tokens:
            with pytest.raises(GatewayError) as caught:
                await house.login.logged_out(provider, token)
            assert caught.value.problem is problems.LOGOUT_TOKEN, token
        assert await house.lasting(user.id) == 1
        await house.login.logged_out(provider, good)
        assert await house.lasting(user.id) == 0

    at(tmp_path, work)


def test_a_browser_may_be_sent_to_log_out_there(tmp_path: Path) -> None:
    async def work(house: House, home: OpenidProvider) -> None:
        (provider,) = house.providers
        url = await house.login.leaving(provider, BACK)
        assert url.startswith(f"{home.url}/end?")
        asked = dict(parse_qsl(urlsplit(url).query))
        assert asked == {"client_id": "gateway", "post_logout_redirect_uri": BACK}

    at(tmp_path, work)
