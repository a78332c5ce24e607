"""Who has no account here is looked for at the services; over a real database."""

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.helpers.identity_house import ISSUING
from tests.helpers.sign_in_house import ADDRESS, PASSWORD, SignInHouse, within
from tta_gateway.features.identity import metrics, problems
from tta_gateway.features.identity.bound import Delegated, Limits
from tta_gateway.features.identity.delegation import Client, Delegation
from tta_gateway.features.identity.jws import read
from tta_gateway.kernel.errors import ClientFault, GatewayError
from tta_gateway.kernel.problem import REQUEST_INVALID, Problem
from tta_gateway.support.http_client import Answer, HttpTimeout, Request

HOME = Delegated(name="home", service="accounts", prefix="home:")
FARM = Delegated(name="farm", service="barns", prefix="farm:", login="/in", timeout=2.0)
REFUSED = Answer(401, {}, b"{}")


def welcome(subject: str = "u-1", *, role: str = "player", username: str = "Mira") -> Answer:
    told = {"user_info": {"user_id": subject, "username": username, "role": role}}
    return Answer(200, {"content-type": "application/json"}, json.dumps(told).encode())


class Services:
    """What services answer, by their names."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {"accounts": welcome(), "barns": REFUSED}
        self.asked: list[tuple[str, Request, float]] = []

    async def ask(self, service: str, request: Request, *, patience: float) -> Answer:
        self.asked.append((service, request, patience))
        if service not in self.answers:
            raise HttpTimeout("it does not answer")
        return self.answers[service]


class House:
    """All that lets people in, and the services."""

    def __init__(self, house: SignInHouse) -> None:
        self.house, self.services = house, Services()
        self.slept: list[float] = []
        assert house.sign_in is not None
        self.sign_in = house.sign_in
        self.delegation = self.sign_in.delegation = Delegation(
            house.kept.users,
            self.services,
            issuing=house._issuing,
            wall=house.wall,
            log=house,
        )
        self.delegation.changed = house._changed
        self.sign_in.sleep = self._sleep
        self.to(HOME)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def to(self, *providers: Delegated) -> None:
        """Have these keep accounts."""
        issuing = msgspec.structs.replace(ISSUING, delegated=providers)
        self.house.issuing = self.house.kept.issuing = issuing

    async def refused(self, name: str = "Mira", password: str = PASSWORD) -> Problem:
        with pytest.raises(GatewayError) as raised:
            await self.house.login(name, password)
        return raised.value.problem

    def count(self, result: str) -> float:
        child = self.sign_in.counts.child(metrics.LOGINS, result)
        return child.cells[child.at]


def at_home(folder: Path, work: Callable[[House], Awaitable[None]]) -> None:
    async def done(house: SignInHouse) -> None:
        await work(House(house))

    within(folder, done)


def test_an_account_of_a_service_logs_in_and_stays(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        grant = await home.house.login("Mira")
        ((service, request, patience),) = home.services.asked
        assert (service, request.method, request.target, patience) == (
            "accounts",
            "POST",
            "/api/v1/auth/login",
            5.0,
        )
        assert json.loads(request.body) == {"username": "Mira", "password": PASSWORD}
        assert dict(request.fields)["x-forwarded-for"] == ADDRESS
        assert PASSWORD not in repr(request)
        claims = json.loads(read(grant.access_token.encode()).payload)
        assert (claims["sub"], claims["roles"]) == ("home:u-1", ["player"])
        assert "mira" not in json.dumps(claims).lower()
        assert (grant.user.called, grant.user.handle) == ("Mira", "home:u-1")
        again = await home.sign_in.refresh(grant.refresh_token)
        assert (again.user.id, len(home.services.asked)) == ("home:u-1", 1)
        assert (await home.house.login("Mira")).user.id == grant.user.id

    at_home(tmp_path, work)


def test_whoever_is_known_here_is_shown_to_no_service(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        await home.house.ada()
        assert (await home.house.login("ADA")).user.provider == ""
        assert await home.refused("ada", "something else") == problems.LOGIN_REFUSED
        assert home.services.asked == []

    at_home(tmp_path, work)


def test_a_refusal_is_the_same_and_takes_as_long_whoever_refuses(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        await home.house.ada()
        home.services.answers["accounts"] = REFUSED
        assert await home.refused("ada", "wrong") == await home.refused("Mira")
        assert home.slept == [1.0, 1.0]
        assert home.count("refused") == 2.0
        home.to()
        await home.refused("Mira")
        assert len(home.slept) == 2

    at_home(tmp_path, work)


def test_failures_count_as_for_everybody_else(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        home.services.answers["accounts"] = REFUSED
        heard = [await home.refused(name) for name in ("Mira K", "mira k", "MIRA K")]
        assert heard == [problems.LOGIN_REFUSED] * 3
        home.services.answers["accounts"] = welcome()
        assert (await home.refused("Mira K")).code == problems.LOGIN_WAITING.code
        assert len(home.services.asked) == 3
        assert (await home.house.login("Other One")).user.id == "home:u-1"

    at_home(tmp_path, work)


def test_a_service_that_is_away_is_nobodys_failure(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        del home.services.answers["accounts"]
        assert [await home.refused() for _ in range(12)] == [problems.LOGIN_AWAY] * 12
        home.services.answers["accounts"] = Answer(500, {}, b"oh")
        assert await home.refused() == problems.LOGIN_AWAY
        home.services.answers["accounts"] = welcome()
        await home.house.login("Mira")
        assert home.count("service_away") == 13.0
        assert home.slept == []
        told = {"provider": "home", "service": "accounts"}
        assert home.house.events == [
            ("delegated_login_away", {**told, "why": "it does not answer"}),
            ("delegated_login_back", told),
        ]

    at_home(tmp_path, work)


def test_a_second_factor_is_refused_in_words_and_not_counted(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        home.services.answers["accounts"] = Answer(200, {}, b'{"mfa_required": true}')
        heard = [await home.refused() for _ in range(12)]
        assert heard == [problems.LOGIN_SECOND_FACTOR] * 12
        assert home.count("second_factor") == 12.0

    at_home(tmp_path, work)


def test_services_are_asked_in_turn(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        home.to(FARM, HOME)
        assert (await home.house.login("Mira")).user.id == "home:u-1"
        assert [one for one, _, _ in home.services.asked] == ["barns", "accounts"]
        assert [patience for _, _, patience in home.services.asked] == [2.0, 5.0]
        del home.services.answers["barns"]
        assert (await home.house.login("Mira")).user.id == "home:u-1"
        home.services.answers["accounts"] = REFUSED  # it may be one of the other's
        assert await home.refused() == problems.LOGIN_AWAY

    at_home(tmp_path, work)


def test_all_of_them_have_as_long_as_a_client_waits(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        home.to(FARM, HOME)
        asked = home.services.ask

        async def slow(service: str, request: Request, *, patience: float) -> Answer:
            home.house.now += 7.0
            return await asked(service, request, patience=patience)

        home.services.ask = slow  # type: ignore[method-assign]
        home.services.answers["accounts"] = REFUSED
        await home.refused()
        assert [patience for _, _, patience in home.services.asked] == [2.0, 1.0]
        home.to(*(replace_name(FARM, name) for name in ("a", "b", "c")))
        assert await home.refused() == problems.LOGIN_AWAY

    at_home(tmp_path, work)


def replace_name(one: Delegated, name: str) -> Delegated:
    return msgspec.structs.replace(one, name=name, prefix=f"{name}:")


def test_clinicians_are_made_here_alone(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        home.services.answers["accounts"] = welcome(role="therapist")
        grant = await home.house.login("Mira")
        assert grant.user.roles == frozenset()
        accounts = home.house.accounts
        assert accounts is not None
        user = await accounts.named("home:u-1")
        assert user is not None
        assert await accounts.set_roles(user, grant=["therapist"], revoke=(), by="admin")
        assert (await home.house.login("Mira")).user.roles == {"therapist"}
        assert (await home.sign_in.refresh(grant.refresh_token)).user.roles == {"therapist"}
        told = await home.sign_in.user("home:u-1")
        assert told is not None
        assert told.roles == {"therapist"}

    at_home(tmp_path, work)


def test_a_role_that_the_service_takes_back_is_gone_and_one_of_ours_is_not(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        first = await home.house.login("Mira")
        home.services.answers["accounts"] = welcome(role="nothing")
        home.house.now += 1.0
        before = home.house.told
        assert (await home.house.login("Mira")).user.roles == frozenset()
        assert home.house.told == before + 1  # all workers hear of it, on all nodes
        home.house.now += 1.0
        assert (await home.house.login("Mira")).user.roles == frozenset()
        assert home.house.told == before + 1
        assert ("subject", "home:u-1") in await home.house.kept.revoked()
        assert (await home.sign_in.refresh(first.refresh_token)).user.roles == frozenset()

    at_home(tmp_path, work)


def test_an_account_that_is_disabled_here_does_not_log_in_and_is_not_renewed(
    tmp_path: Path,
) -> None:
    async def work(home: House) -> None:
        grant = await home.house.login("Mira")
        assert home.house.accounts is not None
        await home.house.accounts.disable(grant.user)
        assert await home.refused() == problems.LOGIN_REFUSED
        with pytest.raises(ClientFault) as raised:
            await home.sign_in.refresh(grant.refresh_token)
        assert raised.value.problem == problems.SESSION_OVER

    at_home(tmp_path, work)


def test_sessions_end_with_the_provider_in_the_configuration(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        grant = await home.house.login("Mira")
        home.to(FARM)
        with pytest.raises(ClientFault) as raised:
            await home.sign_in.refresh(grant.refresh_token)
        assert raised.value.problem == problems.SESSION_OVER
        assert await home.sign_in.open(grant.user.id) == []

    at_home(tmp_path, work)


def test_a_subject_that_is_somebody_elses_here_is_refused(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        await home.house.ada()
        (ada,) = await home.house.kept.users.all(after="", most=9)
        home.to(msgspec.structs.replace(HOME, prefix=""))
        home.services.answers["accounts"] = welcome(ada.id)
        assert await home.refused() == problems.LOGIN_REFUSED
        told = {"provider": "home", "user": ada.id}
        assert home.house.events == [("delegated_subject_taken", told)]
        home.services.answers["accounts"] = welcome("u-7")
        assert (await home.house.login("Mira")).user.id == "u-7"

    at_home(tmp_path, work)


def test_more_at_once_than_can_be_are_told_to_come_back(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        home.delegation._under_way = 100
        assert await home.refused() == problems.LOGIN_BUSY
        with pytest.raises(GatewayError) as raised:
            await home.delegation.registered(b"{}", Client(ADDRESS))
        assert raised.value.problem == problems.LOGIN_BUSY
        assert home.services.asked == []
        home.delegation._under_way = 99
        await home.house.login("Mira")
        assert home.delegation._under_way == 99

    at_home(tmp_path, work)


def test_a_session_lasts_as_the_roles_here_say(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        issuing = home.house.issuing
        assert issuing is not None
        strict = {"player": Limits(idle=60.0, absolute=120.0)}
        home.house.issuing = msgspec.structs.replace(issuing, role_limits=strict)
        grant = await home.house.login("Mira")
        assert grant.session.ends - grant.session.begun == 120.0
        assert replace(grant.user, lent=frozenset()).roles == {"player"}

    at_home(tmp_path, work)


def test_whoever_registers_does_so_without_a_role(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        home.to(HOME, FARM)
        home.services.answers["accounts"] = Answer(200, {}, b"made")
        body = b'{"username": "mira", "role": "admin"}'
        answer = await home.delegation.registered(body, Client(ADDRESS, "r-1"))
        ((service, request, _),) = home.services.asked
        assert (answer.body, service, request.target) == (b"made", "accounts", HOME.registration)
        assert json.loads(request.body) == {"username": "mira"}
        assert dict(request.fields)["x-request-id"] == "r-1"
        with pytest.raises(ClientFault) as raised:
            await home.delegation.registered(b"role=admin", Client(ADDRESS))
        assert raised.value.problem == REQUEST_INVALID
        del home.services.answers["accounts"]
        with pytest.raises(GatewayError) as away:
            await home.delegation.registered(body, Client(ADDRESS))
        assert away.value.problem == problems.LOGIN_AWAY

    at_home(tmp_path, work)


# --- asked again ---------------------------------------------------------------------------------

EACH = 60.0
ASKED = msgspec.structs.replace(HOME, recheck=EACH)


def giving(**given: object) -> Answer:
    """A login's answer that gives something to ask again by."""
    told = {**json.loads(welcome().body), **given}
    return Answer(200, {}, json.dumps(told).encode())


def told(**said: object) -> Answer:
    return Answer(200, {}, json.dumps(said).encode())


async def renewed(home: House, token: str) -> str:
    """Renew a session a minute later."""
    home.house.now += EACH
    return (await home.sign_in.refresh(token)).refresh_token


async def over(home: House, token: str) -> None:
    with pytest.raises(ClientFault) as raised:
        await renewed(home, token)
    assert raised.value.problem is problems.SESSION_OVER


def again(folder: Path, work: Callable[[House], Awaitable[None]], asked: Delegated = ASKED) -> None:
    async def done(home: House) -> None:
        home.delegation.recheck_by(home.house.rechecker)
        home.to(asked)
        await work(home)

    at_home(folder, done)


def test_a_service_is_asked_again_by_its_refresh_token(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        home.services.answers["accounts"] = giving(refresh_token="r1")
        token = (await home.house.login("Mira")).refresh_token
        home.services.answers["accounts"] = told(access_token="a", refresh_token="r2")
        token = await renewed(home, token)
        _, request, _ = home.services.asked[-1]
        assert (request.method, request.target) == ("POST", "/api/v1/auth/refresh")
        assert json.loads(request.body) == {"refresh_token": "r1"}
        home.services.answers["accounts"] = told(access_token="a")
        token = await renewed(home, token)
        assert json.loads(home.services.asked[-1][1].body) == {"refresh_token": "r2"}
        del home.services.answers["accounts"]
        token = await renewed(home, token)
        assert home.house.said == ["identity:home"]
        home.services.answers["accounts"] = REFUSED
        await over(home, token)
        assert home.house.events[-1][0] == "recheck_ended"

    again(tmp_path, work)


def test_a_service_without_one_is_asked_whose_token_it_is_while_that_lasts(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        claims = json.dumps({"exp": home.house.now + 150}).encode()
        access = ".".join(
            base64.urlsafe_b64encode(one).rstrip(b"=").decode()
            for one in (b'{"alg":"HS256"}', claims, b"s")
        )
        home.services.answers["accounts"] = giving(access_token=access, refresh_token="")
        token = (await home.house.login("Mira")).refresh_token
        home.services.answers["accounts"] = told(user_id="u-1", role="coach")
        token = await renewed(home, token)
        _, request, _ = home.services.asked[-1]
        assert (request.method, request.target) == ("GET", "/me")
        assert dict(request.fields)["authorization"] == f"Bearer {access}"
        user = await home.sign_in.user("home:u-1")
        assert user is not None
        assert user.roles == {"coach"}
        home.services.answers["accounts"] = told(user_id="u-1")  # no word of roles
        token = await renewed(home, token)
        user = await home.sign_in.user("home:u-1")
        assert user is not None
        assert user.roles == {"coach"}
        count = len(home.services.asked)
        home.services.answers["accounts"] = REFUSED
        await renewed(home, token)  # its token is over: there is nothing left to ask by
        assert len(home.services.asked) == count

    again(tmp_path, work, msgspec.structs.replace(ASKED, me="/me", roles=("player", "coach")))


@pytest.mark.parametrize(
    ("answer", "is_over"),
    [
        (REFUSED, True),
        (told(user_id="u-2"), True),
        (told(user_info={"user_id": "u-1"}), False),
        (Answer(500, {}, b""), False),
        (Answer(200, {}, b"oh"), False),
    ],
)
def test_what_it_says_decides(tmp_path: Path, answer: Answer, is_over: bool) -> None:
    async def work(home: House) -> None:
        home.services.answers["accounts"] = giving(refresh_token="r1")
        token = (await home.house.login("Mira")).refresh_token
        home.services.answers["accounts"] = answer
        if is_over:
            await over(home, token)
        else:
            await renewed(home, token)

    again(tmp_path, work)


def test_a_service_that_gives_nothing_is_not_asked(tmp_path: Path) -> None:
    async def work(home: House) -> None:
        home.services.answers["accounts"] = giving(refresh_token="", access_token=7)
        await renewed(home, (await home.house.login("Mira")).refresh_token)
        home.services.answers["accounts"] = giving(access_token="a")  # and has no place for it
        await renewed(home, (await home.house.login("Mira")).refresh_token)
        assert {one.target for _, one, _ in home.services.asked} == {"/api/v1/auth/login"}

    again(tmp_path, work)
