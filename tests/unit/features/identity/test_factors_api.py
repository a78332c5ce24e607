"""The endpoints of second factors: what they take, where tokens go, and what is there."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from tests.helpers.asgi import Answer
from tests.helpers.factor_house import AUTH, Person, with_ada
from tests.helpers.sign_in_house import PASSWORD, answered
from tta_gateway.features.identity.bound import CookieBound
from tta_gateway.features.identity.factors_api import router
from tta_gateway.features.identity.factors_public import ROUTES
from tta_gateway.features.identity.second_factor import Needed, SecondFactors
from tta_gateway.features.identity.store import Session
from tta_gateway.support.sql.away import Unavailable

PAGE = {"origin": "http://gate", "host": "gate"}


def test_every_route_is_served_and_nothing_else(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        served = {
            (method, route.path)  # type: ignore[attr-defined]  # all are APIRoutes
            for route in router(ada.house).routes
            for method in route.methods  # type: ignore[attr-defined]  # likewise
        }
        assert served == {(route.methods[0], route.path) for route in ROUTES}

    with_ada(tmp_path, work)


async def paged(ada: Person, word: str, body: dict[str, object], **fields: str) -> Answer:
    return await answered(ada.app, "POST", f"{AUTH}/{word}", body, **{**PAGE, **fields})


def test_a_page_gets_its_refresh_token_in_the_cookie_and_nowhere_else(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        login = await paged(ada, "login", {"username": "ada", "password": PASSWORD})
        assert "set-cookie" not in login.fields
        token = login.json["mfa_challenge"]["mfa_token"]
        body: dict[str, object] = {"mfa_token": token, "code": ada.next_code()}
        strange = await paged(ada, "mfa/verify", body, origin="http://evil")
        assert (strange.status, strange.json["code"]) == (403, "identity_origin_refused")
        answer = await paged(ada, "mfa/verify", body)
        assert (answer.status, answer.json["refresh_token"]) == (200, "")
        assert answer.fields["set-cookie"].startswith("__Secure-tta-refresh=")

    with_ada(tmp_path, work)


def test_where_a_provider_has_shown_who_it_is_a_cookie_holds_the_challenge(tmp_path: Path) -> None:
    """As external_api.py sets it: a redirect can show a page nothing that is secret."""

    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        tied: list[tuple[str, str]] = []

        async def tie(session: Session, link: str) -> bool:
            tied.append((session.id, link))
            return True

        sign_in, user = ada.house.sign_in, await ada.house.kept.users.named("ada")
        assert sign_in is not None
        assert user is not None
        sign_in.linked = tie
        with pytest.raises(Needed) as raised:
            await sign_in.begin(user, "fed", link="ab")
        assert tied == []
        cookie = {"cookie": f"__Secure-tta-mfa={raised.value.asked.token}"}
        body: dict[str, object] = {"code": ada.next_code()}
        strange = await paged(ada, "mfa/verify", body, origin="http://evil", **cookie)
        assert strange.status == 403
        answer = await paged(ada, "mfa/verify", body, **cookie)
        assert answer.status == 200
        assert "\n__Secure-tta-mfa=; Max-Age=0;" in answer.fields["set-cookie"]
        principal = ada.house.bearers.needed(f"Bearer {answer.json['access_token']}")
        assert principal.methods == {"fed", "otp", "mfa"}
        assert tied == [(principal.session, "ab")]
        nothing = await paged(ada, "mfa/verify", {"code": ada.next_code()})
        assert (nothing.status, nothing.json["code"]) == (400, "identity_challenge_missing")

    with_ada(tmp_path, work)


def test_who_must_have_one_enrols_it_by_what_the_cookie_holds(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        issuing = ada.house.issuing
        sign_in, user = ada.house.sign_in, await ada.house.kept.users.named("ada")
        assert issuing is not None
        assert sign_in is not None
        assert user is not None
        factor = msgspec.structs.replace(issuing.second_factor, required_roles=("player",))
        ada.house.issuing = msgspec.structs.replace(issuing, second_factor=factor)
        with pytest.raises(Needed) as raised:
            await sign_in.begin(user, "fed")
        cookie = {"cookie": f"__Secure-tta-mfa={raised.value.asked.token}"}
        asked = (await paged(ada, "mfa/challenge", {}, **cookie)).json["mfa_challenge"]
        assert (asked["enrol"], asked["methods"], asked["mfa_token"]) == (True, [], "")
        begun = (await paged(ada, "mfa/totp", {}, **cookie)).json
        ada.secret = begun["secret"]
        body: dict[str, object] = {"enrolment": begun["enrolment"], "code": ada.code()}
        done = await paged(ada, "mfa/totp/confirm", body, **cookie)
        assert (done.status, len(done.json["recovery_codes"])) == (200, 10)
        for name in ("__Secure-tta-refresh=", "__Secure-tta-session=", "__Secure-tta-mfa=;"):
            assert name in done.fields["set-cookie"]

    with_ada(tmp_path, work)


def test_a_page_is_told_what_the_cookie_asks(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        asked = await ada.asked()
        cookie = {"cookie": f"__Secure-tta-mfa={asked['mfa_token']}"}
        told = (await paged(ada, "mfa/challenge", {}, **cookie)).json["mfa_challenge"]
        assert told == {**asked, "mfa_token": ""}
        strange = await paged(ada, "mfa/challenge", {}, **{**cookie, "origin": "http://evil"})
        nothing = await paged(ada, "mfa/challenge", {})
        assert (strange.status, nothing.status) == (403, 400)

    with_ada(tmp_path, work)


def test_a_browser_whose_cookie_shows_access_tokens_shows_the_better_one(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        issuing = ada.house.issuing
        assert issuing is not None
        kept = CookieBound(name="__Host-tta")
        ada.house.issuing = msgspec.structs.replace(issuing, access_cookie=kept)
        await ada.enrol_totp()
        fields = {"authorization": f"Bearer {ada.token}", "cookie": "__Host-tta=old"}
        body: dict[str, object] = {"method": "totp", "code": ada.next_code()}
        answer = await paged(ada, "step-up", body, **fields)
        assert answer.status == 200
        shown = f"__Host-tta={answer.json['access_token']};"
        assert answer.fields["set-cookie"].startswith(shown)

    with_ada(tmp_path, work)


def test_enrolling_in_a_session_leaves_its_cookie_alone(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        begun = (await ada.post("mfa/totp")).json
        ada.secret = begun["secret"]
        body: dict[str, object] = {"enrolment": begun["enrolment"], "code": ada.code()}
        answer = await paged(ada, "mfa/totp/confirm", body, authorization=f"Bearer {ada.token}")
        assert answer.status == 200
        assert "set-cookie" not in answer.fields

    with_ada(tmp_path, work)


@pytest.mark.parametrize(
    ("word", "body"),
    [
        ("mfa/verify", {"mfa_token": "x" * 5000}),
        ("mfa/verify", {"mfa_token": "x", "method": "sms"}),
        ("mfa/verify", {"mfa_token": "x", "code": "0" * 65}),
        ("mfa/verify", {"mfa_token": "x", "credential": {"id": "a"}}),
        ("mfa/verify", {"mfa_token": "x", "credential": "a"}),
        ("mfa/totp/confirm", {"code": "000000"}),
        ("mfa/totp/confirm", {"enrolment": "x", "code": "0", "label": "a\nb"}),
        ("mfa/webauthn", {"enrolment": "x"}),
        ("step-up", {"method": "pwd"}),
    ],
)
def test_what_is_no_request_is_refused_without_being_quoted(
    tmp_path: Path, word: str, body: dict[str, object]
) -> None:
    async def work(ada: Person) -> None:
        answer = await ada.post(word, body)
        assert (answer.status, answer.json["code"]) == (422, "request_invalid")
        assert "xxxxx" not in answer.body.decode()

    with_ada(tmp_path, work)


class Away:
    """What lasts, and cannot be asked."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[None]]:
        async def asked(*_: object, **__: object) -> None:
            raise Unavailable(name)

        return asked


def test_without_what_lasts_everything_says_so(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        token = (await ada.asked())["mfa_token"]
        factors = ada.house.second_factors
        assert factors is not None
        factors.factors = Away()  # type: ignore[assignment]  # all of it is away
        answers = [
            await ada.verify(token, code=ada.next_code()),
            await ada.post("step-up"),
            await ada.post("mfa/totp"),
            await ada.post("mfa/webauthn/options"),
            await ada.post("mfa/recovery-codes"),
            await ada.ask("GET", "mfa/factors"),
            await ada.ask("GET", "me"),
            await ada.ask("DELETE", "mfa/factors/x"),
            await ada.login(),
        ]
        assert {one.json["code"] for one in answers} == {"identity_store_unavailable"}

    with_ada(tmp_path, work)


def test_where_no_tokens_are_issued_nothing_is_there_and_at_the_beginning_not_yet(
    tmp_path: Path,
) -> None:
    async def work(ada: Person) -> None:
        kept: SecondFactors | None = ada.house.second_factors
        ada.house.second_factors = None
        assert (await ada.post("step-up")).json["code"] == "identity_store_unavailable"
        ada.house.second_factors, ada.house.issuing = kept, None
        assert (await ada.post("step-up")).status == 404

    with_ada(tmp_path, work)
