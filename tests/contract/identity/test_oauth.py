"""OAuth on every database: what is good is accepted once, and nothing else is."""

import asyncio
import base64
import itertools
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey
from sqlalchemy import select

from tests.helpers.asgi import Answer
from tests.helpers.identity_house import ISSUING, KEY, LASTING
from tests.helpers.oauth_house import (
    BACK,
    CHALLENGE,
    VERIFIER,
    WEB,
    Browser,
    OAuthHouse,
    at,
    hidden,
    told,
    wanted,
)
from tests.helpers.sign_in_house import PASSWORD
from tta_gateway.features.identity.bound import Delegated
from tta_gateway.features.identity.external_store import Over, Tie
from tta_gateway.features.identity.oauth_client import OAuthClient, Terms
from tta_gateway.features.identity.oauth_cookie import session_value
from tta_gateway.features.identity.oauth_proof import ASSERTION
from tta_gateway.features.identity.oauth_tables import CODES, SECRETS
from tta_gateway.features.identity.problems import REVOKED
from tta_gateway.features.identity.sql_external import SqlExternal
from tta_gateway.features.identity.store import Session, User
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.support.sql.url import DatabaseUrl

pytestmark = pytest.mark.e2e

SERVICE = Terms(kind="confidential", scopes=("read", "write"))
SERVER = Terms(kind="confidential", redirect_uris=(BACK,), scopes=("openid",))
HOME = Delegated(name="home", service="up", prefix="home:")
OTHER = "https://other.example.org/back"


def error(answer: Answer) -> tuple[int, str]:
    """What a client is told that is refused."""
    said = answer.json
    assert {"error", "error_description", "code", "title", "detail", "status"} <= said.keys()
    assert (said["status"], answer.fields["cache-control"]) == (answer.status, "no-store")
    return answer.status, str(said["error"])


def counts(house: OAuthHouse, token: str) -> bool:
    """Whether an access token counts."""
    try:
        return bool(house.believes(token))
    except ClientFault as fault:
        if fault.problem is REVOKED:
            return False
        raise


# --- the good way ------------------------------------------------------------------------------


def test_a_code_leads_to_a_session_that_goes_on_and_ends(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        browser = Browser(house)
        back = await browser.log_in(client, scope="openid play", nonce="n-1")
        assert back.fields["location"].startswith(f"{BACK}?code=")
        answered = told(back)
        assert (answered["state"], answered["iss"]) == ("st&te", ISSUING.url)
        first = (await house.redeem(client, answered["code"])).json
        assert (first["token_type"], first["scope"]) == ("Bearer", "openid play")
        principal = house.bearers.ours(f"Bearer {first['access_token']}")
        assert principal.claims["client_id"] == client.id
        assert principal.scopes == {"openid", "play"}
        house.now += 600.0
        form = {"grant_type": "refresh_token", "client_id": client.id}
        again = (await house.token({**form, "refresh_token": first["refresh_token"]})).json
        assert house.believes(again["access_token"]) == principal.subject
        assert house.bearers.ours(f"Bearer {again['access_token']}").scopes == principal.scopes
        await house.ask(
            "POST", "/oauth2/revoke", {"client_id": client.id, "token": again["refresh_token"]}
        )
        assert not counts(house, again["access_token"])
        form["refresh_token"] = again["refresh_token"]
        assert error(await house.token(form)) == (400, "invalid_grant")

    at(url, work)


def test_an_id_token_says_who_when_and_for_whom(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        code = await Browser(house).code(client, scope="openid", nonce="n-1")
        house.now += 5.0
        told = (await house.redeem(client, code)).json
        assert house.keys is not None
        with pytest.warns(Warning, match="deprecated"):
            decoded = jwt.decode(
                told["id_token"],
                OKPKey.import_key(house.keys.key_set()["keys"][0]),  # type: ignore[arg-type]
                algorithms=["EdDSA"],
            )
        said = decoded.claims
        assert (said["aud"], said["nonce"], said["iss"]) == (client.id, "n-1", ISSUING.url)
        assert (said["auth_time"], said["iat"]) == (house.now - 5.0, house.now)
        assert decoded.header["typ"] == "JWT"
        assert not re.search(r"\bada\b", str(said))  # in an id it may stand
        with pytest.raises(ClientFault, match="not one for access"):
            house.believes(told["id_token"])

    at(url, work)


def test_a_browser_that_is_logged_in_is_asked_nothing(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        browser = Browser(house)
        await browser.log_in(client)
        assert "code" in told(await browser.authorize(client))
        assert (await browser.authorize(client, prompt="login")).status == 200
        house.now += 30.0
        assert (await browser.authorize(client, max_age="29")).status == 200
        assert "code" in told(await browser.authorize(client, max_age="60", prompt="none"))
        assert house.sign_in is not None
        await house.sign_in.logout_all("id-1")
        assert (await browser.authorize(client)).status == 200
        assert told(await browser.authorize(client, prompt="none"))["error"] == "login_required"

    at(url, work)


def test_a_session_of_a_page_of_the_gateway_counts_at_authorize(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        browser = Browser(house)
        body = json.dumps({"username": "ada", "password": PASSWORD})
        said = await house.ask(
            "POST",
            "/api/v1/auth/login",
            body,
            content_type="application/json",
            origin="http://gate",
            host="gate",
        )
        for line in said.fields["set-cookie"].splitlines():
            name, _, value = line.partition(";")[0].partition("=")
            browser.cookies[name] = value
        assert "code" in told(await browser.authorize(client))

    at(url, work)


def test_a_browser_is_logged_out_with_its_provider(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        assert house.sign_in is not None
        assert house.issuing is not None
        user = User("home:7", "7", "active", house.now, house.now, provider="home", called="mira")
        await house.kept.users.link(user)
        client, _ = await house.client()
        mine = msgspec.structs.replace(house.issuing, delegated=(HOME,))
        house.issuing = mine
        grant = await house.sign_in.begin(user, "pwd")
        browser = Browser(house)
        value = session_value(grant.session.id, house.sign_in.secret)
        browser.cookies["__Secure-tta-session"] = value
        assert "code" in told(await browser.authorize(client))
        house.issuing = msgspec.structs.replace(mine, delegated=())
        assert (await browser.authorize(client)).status == 200
        house.issuing = mine
        assert (await browser.authorize(client)).status == 200
        assert not counts(house, grant.access_token)

    at(url, work)


def test_a_clients_session_is_no_browsers(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        code = await Browser(house).code(client)
        token = (await house.redeem(client, code)).json["access_token"]
        session = house.bearers.ours(f"Bearer {token}").session
        assert house.sign_in is not None
        assert await house.sign_in.go_on(session) is None
        assert counts(house, token)

    at(url, work)


def test_a_service_gets_tokens_of_its_own(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, secret = await house.client(SERVICE)
        form = {"grant_type": "client_credentials", "scope": "read"}
        posted = await house.token({**form, "client_id": client.id, "client_secret": secret})
        basic = await house.token(form, authorization=_basic(client.id, secret))
        for answer in (posted, basic):
            assert "refresh_token" not in answer.json
            principal = house.bearers.ours(f"Bearer {answer.json['access_token']}")
            assert principal.subject == client.id
            assert principal.roles == {"service"}
            assert principal.claims["client_id"] == client.id
            assert principal.scopes == {"read"}

    at(url, work)


def test_a_service_signs_with_a_key_of_its_own(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, key = await _with_key(house)
        answer = await house.token(_asserted(key, _claims(house, client)))
        assert house.believes(answer.json["access_token"]) == client.id
        for_path = _claims(house, client, jti="2", aud=[f"{ISSUING.url}/oauth2/token"])
        assert (await house.token(_asserted(key, for_path))).status == 200

    at(url, work)


def test_a_secret_is_changed_while_both_count(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, old = await house.client(SERVICE)
        assert house.registrar is not None
        house.now += 1.0
        client, new = await house.registrar.add_secret(client)
        form = {"grant_type": "client_credentials", "client_id": client.id}
        tokens = [
            (await house.token({**form, "client_secret": one})).json["access_token"]
            for one in (old, new)
        ]
        assert all(counts(house, one) for one in tokens)
        await house.registrar.withdraw(client, client.secrets[0].name)
        assert not any(counts(house, one) for one in tokens)
        assert error(await house.token({**form, "client_secret": old})) == (401, "invalid_client")
        again = await house.token({**form, "client_secret": new})
        assert counts(house, again.json["access_token"])
        async with house.kept.database.read() as connection:
            rows = (await connection.execute(select(SECRETS))).all()
        assert old not in repr(rows)
        assert new not in repr(rows)

    at(url, work)


def test_a_client_that_is_disabled_has_no_token_and_no_session(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, secret = await house.client(
            Terms(
                kind="confidential",
                redirect_uris=(BACK,),
                grants=("authorization_code", "refresh_token", "client_credentials"),
            )
        )
        shown = {"client_id": client.id, "client_secret": secret}
        own = (await house.token({**shown, "grant_type": "client_credentials"})).json
        browser = Browser(house)
        code = await browser.code(client)
        theirs = (await house.redeem(client, code, client_secret=secret)).json
        pending = await browser.code(client)
        assert house.registrar is not None
        off = await house.registrar.set_active(client, is_active=False)
        assert not counts(house, own["access_token"])
        assert not counts(house, theirs["access_token"])
        form = {**shown, "grant_type": "refresh_token", "refresh_token": theirs["refresh_token"]}
        assert error(await house.token(form)) == (401, "invalid_client")
        page = await browser.authorize(client)
        assert (page.status, "location" in page.fields) == (400, False)
        await house.registrar.set_active(off, is_active=True)
        assert error(await house.token(form)) == (400, "invalid_grant")
        assert not counts(house, own["access_token"])
        late = await house.redeem(client, pending, client_secret=secret)
        assert error(late) == (400, "invalid_grant")
        await house.registrar.remove(client)
        assert await house.registrar.all() == []

    at(url, work)


# --- codes -------------------------------------------------------------------------------------


WORTHLESS: Final[list[tuple[dict[str, str], str]]] = [
    ({"code_verifier": "w" * 43}, "invalid_grant"),
    ({"code_verifier": CHALLENGE}, "invalid_grant"),  # as if it were `plain`
    ({"code_verifier": ""}, "invalid_request"),
    ({"code_verifier": "v" * 42}, "invalid_request"),
    ({"redirect_uri": OTHER}, "invalid_grant"),
    ({"redirect_uri": ""}, "invalid_grant"),
    ({"redirect_uri": f"{BACK}/"}, "invalid_grant"),
    ({"code": "x"}, "invalid_grant"),
    ({"code": ""}, "invalid_request"),
    ({"grant_type": "password"}, "unsupported_grant_type"),
    ({"grant_type": "implicit"}, "unsupported_grant_type"),
    ({"grant_type": "client_credentials"}, "unauthorized_client"),
    ({"grant_type": ""}, "invalid_request"),
]


def test_a_code_is_worth_nothing_otherwise(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        browser = Browser(house)
        await browser.log_in(client)
        for changed, wanted_error in WORTHLESS:
            code = told(await browser.authorize(client))["code"]
            assert error(await house.redeem(client, code, **changed)) == (400, wanted_error)

    at(url, work)


def test_whoever_guesses_uses_a_code_up(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        code = await Browser(house).code(client)
        await house.redeem(client, code, code_verifier="w" * 43)
        assert error(await house.redeem(client, code)) == (400, "invalid_grant")

    at(url, work)


def test_a_code_that_is_shown_again_ends_its_session(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        code = await Browser(house).code(client)
        told = (await house.redeem(client, code)).json
        assert counts(house, told["access_token"])
        assert error(await house.redeem(client, code)) == (400, "invalid_grant")
        assert not counts(house, told["access_token"])
        form = {"grant_type": "refresh_token", "client_id": client.id}
        form["refresh_token"] = told["refresh_token"]
        assert error(await house.token(form)) == (400, "invalid_grant")
        assert [name for name, _ in house.events] == ["oauth_code_replayed"]

    at(url, work)


def test_of_many_who_show_a_code_at_once_one_gets_a_session(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        code = await Browser(house).code(client)
        answers = await asyncio.gather(*(house.redeem(client, code) for _ in range(5)))
        assert sorted(one.status for one in answers) == [200, 400, 400, 400, 400]
        (good,) = (one for one in answers if one.status == 200)
        assert not counts(house, good.json["access_token"])  # and that has been stolen, perhaps

    at(url, work)


def test_a_code_is_good_for_a_minute(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        browser = Browser(house)
        late, good = await browser.code(client), await browser.code(client)
        house.now += 59.0
        assert (await house.redeem(client, good)).status == 200
        house.now += 1.5
        assert error(await house.redeem(client, late)) == (400, "invalid_grant")

    at(url, work)


def test_a_code_of_another_client_is_none_and_stays_good(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        thief, _ = await house.client(name="thief")
        code = await Browser(house).code(client)
        assert error(await house.redeem(thief, code)) == (400, "invalid_grant")
        assert (await house.redeem(client, code)).status == 200

    at(url, work)


def test_whoever_has_logged_out_everywhere_has_meant_codes_too(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        code = await Browser(house).code(client)
        house.now += 1.0
        assert house.sign_in is not None
        await house.sign_in.logout_all("id-1")
        assert error(await house.redeem(client, code)) == (400, "invalid_grant")

    at(url, work)


def test_whoever_has_logged_out_in_the_browser_has_meant_its_codes_too(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        code = await Browser(house).code(client)
        sign_in, (session,) = house.sign_in, await browsing(house)
        assert sign_in is not None
        await sign_in.logout(session.user_id, session.id)
        assert error(await house.redeem(client, code)) == (400, "invalid_grant")

    at(url, work)


def test_a_logout_at_a_provider_ends_what_clients_have_got_by_that_login(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        code = await Browser(house).code(client)
        external = SqlExternal(lambda: house.kept.database, lasting=lambda: LASTING)
        (session,), there, ends = await browsing(house), b"t" * 32, house.now + 1000
        assert await external.link(
            session.id, Tie(there, b"s" * 32, house.now), ends=ends, now=house.now
        )
        answer = await house.redeem(client, code)
        once = b"o" * 32
        assert await external.end(once, Over(there=there), until=ends, now=house.now)
        await house._changed()
        assert not counts(house, answer.json["access_token"])
        renewed = await house.renew(client, answer.json["refresh_token"])
        assert error(renewed) == (400, "invalid_grant")

    at(url, work)


async def browsing(house: OAuthHouse) -> list[Session]:
    """The sessions of ada's browsers."""
    user = await house.kept.users.named("ada")
    assert house.sign_in is not None
    assert user is not None
    return [one for one in await house.sign_in.open(user.id) if not one.client]


def test_no_code_stands_in_the_database(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        code = await Browser(house).code(client)
        async with house.kept.database.read() as connection:
            rows = (await connection.execute(select(CODES))).all()
        assert len(rows) == 1
        assert code not in repr(rows)
        await house.parts.codes.tidy(house.now + 2 * 86_400.0)
        async with house.kept.database.read() as connection:
            assert (await connection.execute(select(CODES))).all() == []

    at(url, work)


# --- refresh tokens ----------------------------------------------------------------------------


def test_a_refresh_token_is_its_clients_alone(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, secret = await house.client(SERVER)
        thief, _ = await house.client(name="thief")
        code = await Browser(house).code(client)
        token = (await house.redeem(client, code, client_secret=secret)).json["refresh_token"]
        form = {"grant_type": "refresh_token", "refresh_token": token}
        stolen = await house.token({**form, "client_id": thief.id})
        assert error(stolen) == (400, "invalid_grant")
        body = json.dumps({"refresh_token": token})
        path, kind = "/api/v1/auth/refresh", "application/json"
        around = await house.ask("POST", path, body, content_type=kind)
        assert (around.status, around.json["code"]) == (401, "identity_refresh_invalid")
        unproved = await house.token({**form, "client_id": client.id})
        assert error(unproved) == (401, "invalid_client")
        good = {**form, "client_id": client.id, "client_secret": secret}
        assert (await house.token(good)).status == 200

    at(url, work)


def test_a_session_of_the_gateway_is_no_clients(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        grant = await house.login()
        form = {"grant_type": "refresh_token", "client_id": client.id}
        form["refresh_token"] = grant.refresh_token
        assert error(await house.token(form)) == (400, "invalid_grant")
        revoke = {"client_id": client.id, "token": grant.refresh_token}
        assert (await house.ask("POST", "/oauth2/revoke", revoke)).status == 200
        assert counts(house, grant.access_token)

    at(url, work)


def test_a_refresh_token_that_is_used_again_late_ends_the_session(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        told = (await house.redeem(client, await Browser(house).code(client))).json
        form = {"grant_type": "refresh_token", "client_id": client.id}
        form["refresh_token"] = told["refresh_token"]
        house.now += 10.0
        again = (await house.token(form)).json
        house.now += 31.0
        assert error(await house.token(form)) == (400, "invalid_grant")
        assert not counts(house, again["access_token"])
        form["refresh_token"] = again["refresh_token"]
        assert error(await house.token(form)) == (400, "invalid_grant")

    at(url, work)


def test_a_client_may_ask_for_less_and_has_all_again_the_next_time(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        code = await Browser(house).code(client, scope="openid play")
        told = (await house.redeem(client, code)).json
        form = {"grant_type": "refresh_token", "client_id": client.id, "scope": "play"}
        less = (await house.token({**form, "refresh_token": told["refresh_token"]})).json
        assert less["scope"] == "play"
        principal = house.bearers.needed(f"Bearer {less['access_token']}")
        assert principal.scopes == {"play"}
        assert principal.is_narrow
        whole = (await house.renew(client, less["refresh_token"])).json
        assert whole["scope"] == "openid play"

    at(url, work)


def test_a_session_keeps_the_scope_that_it_has_begun_with(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        code = await Browser(house).code(client, scope="play")
        told = (await house.redeem(client, code)).json
        form = {"grant_type": "refresh_token", "client_id": client.id, "scope": "play openid"}
        form["refresh_token"] = told["refresh_token"]
        assert error(await house.token(form)) == (400, "invalid_scope")

    at(url, work)


# --- clients -----------------------------------------------------------------------------------


def _basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


async def _with_key(house: OAuthHouse) -> tuple[OAuthClient, OKPKey]:
    key = OKPKey.generate_key("Ed25519", {"kid": "k1", "alg": "EdDSA"})
    public = json.dumps(key.as_dict(private=False))
    client, _ = await house.client(Terms(kind="confidential", keys=(public,)))
    return client, key


def _claims(house: OAuthHouse, client: OAuthClient, **changed: object) -> dict[str, Any]:
    made: dict[str, object] = {
        "iss": client.id,
        "sub": client.id,
        "aud": ISSUING.url,
        "jti": "1",
        "iat": house.now,
        "exp": house.now + 60,
        **changed,
    }
    return {name: value for name, value in made.items() if value is not None}


def _asserted(
    key: OKPKey, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None
) -> dict[str, str]:
    said = dict(header or {"alg": "EdDSA", "kid": "k1", "typ": "JWT"})
    with pytest.warns(Warning, match="deprecated"):
        signed = jwt.encode(said, dict(claims), key, algorithms=[said["alg"]])
    return _shown(signed)


def _shown(assertion: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION,
        "client_assertion": assertion,
    }


NO_ASSERTION: Final[list[dict[str, object]]] = [
    {"aud": "https://elsewhere"},
    {"aud": [ISSUING.url, "https://elsewhere"]},
    {"aud": None},
    {"iss": "client-other"},
    {"sub": "client-other"},
    {"sub": None},
    {"jti": None},
    {"jti": ""},
    {"jti": 7},
    {"exp": None},
    {"exp": 1_800_000_000 - 31},
    {"exp": 1_800_000_000 + 3700},
    {"exp": "soon"},
    {"nbf": 1_800_000_000 + 120},
    {"iat": 1_800_000_000 + 120},
]


def test_an_assertion_that_says_anything_else_is_none(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, key = await _with_key(house)
        for number, changed in enumerate(NO_ASSERTION):
            form = _asserted(key, _claims(house, client, **changed))
            answer = await house.token(form, x_real_ip=f"198.51.100.{number}")
            assert error(answer) == (401, "invalid_client"), changed
        good = await house.token(_asserted(key, _claims(house, client)))
        assert good.status == 200

    at(url, work)


def test_an_assertion_counts_once(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, key = await _with_key(house)
        form = _asserted(key, _claims(house, client))
        answers = await asyncio.gather(*(house.token(form) for _ in range(4)))
        assert sorted(one.status for one in answers) == [200, 401, 401, 401]

    at(url, work)


def test_an_assertion_is_signed_with_the_clients_key(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, key = await _with_key(house)
        claims = _claims(house, client)
        other = OKPKey.generate_key("Ed25519", {"kid": "k1"})
        forms = [
            _asserted(other, claims),
            _asserted(key, claims, {"alg": "EdDSA", "kid": "k2"}),
            _asserted(key, claims, {"alg": "EdDSA", "kid": "k1", "typ": "at+jwt"}),
            _shown(_unsigned(claims)),
            _shown("no.jwt.atall"),
            _shown(KEY.decode()),
        ]
        for number, form in enumerate(forms):
            answer = await house.token(form, x_real_ip=f"198.51.100.{number}")
            assert error(answer) == (401, "invalid_client")
        # What the gateway itself has signed is nobody's assertion.
        grant = await house.login()
        assert error(await house.token(_shown(grant.access_token))) == (401, "invalid_client")

    at(url, work)


def _unsigned(claims: Mapping[str, Any]) -> str:
    parts = (json.dumps(one).encode() for one in ({"alg": "none"}, claims))
    return ".".join(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in parts) + "."


def test_a_client_shows_who_it_is_or_is_nobody(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, secret = await house.client(SERVICE)
        public, _ = await house.client(name="public")
        form = {"grant_type": "client_credentials", "client_id": client.id}
        cases: tuple[dict[str, str], ...] = (
            form,
            {**form, "client_secret": secret + "x"},
            {**form, "client_secret": "x"},
            {**form, "client_id": "client-nobody", "client_secret": secret},
            {**form, "client_id": public.id, "client_secret": secret},
            {"grant_type": "client_credentials"},
        )
        for number, refused in enumerate(cases):
            answer = await house.token(refused, x_real_ip=f"198.51.100.{number}")
            assert error(answer) == (401, "invalid_client")
            assert answer.fields["www-authenticate"].startswith("Basic")
        twice = await house.token(
            {**form, "client_secret": secret}, authorization=_basic(client.id, secret)
        )
        assert error(twice) == (400, "invalid_request")
        names = ("client-nobody", "%00", "client-%00", "%ED%A0%80", "client-" + "x" * 900)
        wrongs = [_basic(client.id, "x"), "Basic ?", *(_basic(one, secret) for one in names)]
        for number, wrong in enumerate(wrongs):
            answer = await house.token(
                {"grant_type": "client_credentials"},
                authorization=wrong,
                x_real_ip=f"192.0.2.{number + 9}",
            )
            assert error(answer) == (401, "invalid_client")

    at(url, work)


def test_whoever_guesses_secrets_waits_and_nobody_else_does(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, secret = await house.client(SERVICE)
        form = {"grant_type": "client_credentials", "client_id": client.id}
        for _ in range(4):
            await house.token({**form, "client_secret": "guess"})
        answer = await house.token({**form, "client_secret": secret})
        assert (answer.status, answer.json["code"]) == (429, "identity_oauth_client_waiting")
        assert 0 < int(answer.fields["retry-after"]) <= 11
        elsewhere = await house.token({**form, "client_secret": secret}, x_real_ip="192.0.2.7")
        assert elsewhere.status == 200
        house.now += 11.0
        assert (await house.token({**form, "client_secret": secret})).status == 200

    at(url, work)


def test_a_client_has_the_scopes_that_it_may(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, secret = await house.client(SERVICE)
        form = {"grant_type": "client_credentials", "client_id": client.id, "client_secret": secret}
        assert (await house.token(form)).json["scope"] == "read write"
        for scope in ("admin", "read admin", "openid", "READ"):
            answer = await house.token({**form, "scope": scope})
            assert error(answer) == (400, "invalid_scope")

    at(url, work)


def test_about_tokens_confidential_clients_alone_may_ask(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, secret = await house.client(SERVICE)
        public, _ = await house.client(name="public")
        grant = await house.login()
        shown = {"client_id": client.id, "client_secret": secret}
        ask = "/oauth2/introspect"
        told = (await house.ask("POST", ask, {**shown, "token": grant.access_token})).json
        assert (told["active"], told["sub"], told["sid"]) == (True, "id-1", grant.session.id)
        for token in ("x", grant.refresh_token, grant.access_token[:-2]):
            answer = await house.ask("POST", ask, {**shown, "token": token})
            assert answer.json == {"active": False}
        assert house.sign_in is not None
        await house.sign_in.logout_all("id-1")
        over = await house.ask("POST", ask, {**shown, "token": grant.access_token})
        assert over.json == {"active": False}
        refused = await house.ask(
            "POST", ask, {"client_id": public.id, "token": grant.access_token}
        )
        assert error(refused) == (400, "unauthorized_client")
        nobody = await house.ask("POST", ask, {"token": grant.access_token})
        assert error(nobody) == (401, "invalid_client")

    at(url, work)


def test_a_client_ends_its_own_tokens_and_no_others(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, secret = await house.client(SERVICE)
        other, other_secret = await house.client(SERVICE, name="other")
        shown = {"client_id": client.id, "client_secret": secret}
        form = {**shown, "grant_type": "client_credentials"}
        token = (await house.token(form)).json["access_token"]
        theirs = {"client_id": other.id, "client_secret": other_secret, "token": token}
        assert (await house.ask("POST", "/oauth2/revoke", theirs)).status == 200
        assert counts(house, token)
        assert (await house.ask("POST", "/oauth2/revoke", {**shown, "token": token})).status == 200
        assert not counts(house, token)
        assert counts(house, (await house.token(form)).json["access_token"])
        nothing = await house.ask("POST", "/oauth2/revoke", {**shown, "token": "x"})
        assert (nothing.status, nothing.body) == (200, b"")
        assert error(await house.ask("POST", "/oauth2/revoke", shown)) == (400, "invalid_request")

    at(url, work)


# --- where answers go --------------------------------------------------------------------------


ELSEWHERE: Final = [
    OTHER,
    "https://app.example.org/back/",
    "https://app.example.org/back/../evil",
    "https://app.example.org/back%2f",
    "https://app.example.org/Back",
    "https://app.example.org/back?x=1",
    "https://app.example.org/back#x",
    "https://app.example.org/",
    "https://app.example.org:444/back",
    "https://app.example.org:443/back",
    "https://app.example.org.evil.test/back",
    "https://app.example.org@evil.test/back",
    "https://evil.test/https://app.example.org/back",
    "https://evil.test\\@app.example.org/back",
    "https://x.app.example.org/back",
    "https://APP.example.org/back",
    "http://app.example.org/back",
    "//app.example.org/back",
    "/back",
    "javascript:alert(1)",
    "data:text/html,x",
    " https://app.example.org/back",
    "https://app.example.org/back\r\nlocation: https://evil.test",
    "http://127.0.0.1/back",
    "",
]


def test_no_answer_goes_to_an_address_that_is_not_registered(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        browser = Browser(house)
        await browser.log_in(client)  # so that it would be answered at once
        wrong: tuple[dict[str, str], ...] = ({}, {"response_type": "x"}, {"code_challenge": ""})
        for uri, changed in itertools.product(ELSEWHERE, wrong):
            asked = {"redirect_uri": uri, **changed}
            page = await browser.authorize(client, **asked)
            assert (page.status, "location" in page.fields) == (400, False), uri
            assert "evil" not in page.body.decode()
            form = wanted(client, **asked)
            posted = await browser.ask("POST", "/oauth2/authorize", form)
            assert (posted.status, "location" in posted.fields) == (400, False), uri
        assert "code" in told(await browser.authorize(client))

    at(url, work)


NO_REQUEST: Final[list[tuple[dict[str, str], str]]] = [
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": "id_token"}, "unsupported_response_type"),
    ({"response_type": "code token"}, "unsupported_response_type"),
    ({"response_type": ""}, "invalid_request"),
    ({"response_mode": "fragment"}, "invalid_request"),
    ({"code_challenge": ""}, "invalid_request"),
    ({"code_challenge": "x" * 42}, "invalid_request"),
    ({"code_challenge": "x" * 44}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge_method": ""}, "invalid_request"),
    ({"code_challenge_method": "s256"}, "invalid_request"),
    ({"scope": "admin"}, "invalid_scope"),
    ({"scope": "play admin"}, "invalid_scope"),
    ({"prompt": "none login"}, "invalid_request"),
    ({"max_age": "-1"}, "invalid_request"),
    ({"request": "e30.e30."}, "request_not_supported"),
    ({"request_uri": "https://evil.test/r"}, "request_uri_not_supported"),
    ({"prompt": "none"}, "login_required"),
]


def test_the_client_hears_what_is_wrong_with_a_request(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        for changed, wanted_error in NO_REQUEST:
            answer = await Browser(house).authorize(client, **changed)
            assert answer.fields["location"].startswith(f"{BACK}?")
            said = told(answer)
            assert (said["error"], said["state"]) == (wanted_error, "st&te")
            assert (said["iss"], "code" in said) == (ISSUING.url, False)

    at(url, work)


def test_a_program_on_a_device_takes_the_port_that_it_finds(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        terms = Terms(kind="public", redirect_uris=("http://127.0.0.1/back", "org.example.app:/b"))
        client, _ = await house.client(terms)
        browser = Browser(house)
        for uri in ("http://127.0.0.1:49152/back", "http://127.0.0.1/back", "org.example.app:/b"):
            code = told(await browser.log_in(client, redirect_uri=uri, prompt="login"))["code"]
            assert (await house.redeem(client, code, redirect_uri=uri)).status == 200
        for uri in (
            "http://127.0.0.1:49152/other",
            "http://127.0.0.1:0/back",
            "http://127.0.0.1:99999/back",
            "http://127.0.0.2:49152/back",
            "http://localhost:49152/back",
            "http://[::1]:49152/back",
            "https://127.0.0.1:49152/back",
            "http://127.0.0.1:1@evil.test/back",
            "http://127.0.0.1.evil.test:1/back",
            "org.example.app:/b/c",
            "org.example.app://b",
        ):
            page = await browser.authorize(client, redirect_uri=uri)
            assert (page.status, "location" in page.fields) == (400, False), uri

    at(url, work)


def test_a_program_on_a_device_goes_on_when_a_person_says_so(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        uri = "http://127.0.0.1:5000/back"
        terms = Terms(kind="public", redirect_uris=(uri,))
        client, _ = await house.client(terms)
        web, _ = await house.client(WEB, name="web")
        browser = Browser(house)
        await browser.log_in(web)
        none = told(await browser.authorize(client, redirect_uri=uri, prompt="none"))
        assert none["error"] == "interaction_required"
        page = await browser.authorize(client, redirect_uri=uri)
        assert page.status == 200
        assert "Go on" in page.body.decode()
        code = told(await browser.fill_in(page))["code"]
        assert (await house.redeem(client, code, redirect_uri=uri)).status == 200
        stranger = Browser(house)
        stranger.cookies = {"__Secure-tta-session": browser.cookies["__Secure-tta-session"]}
        again = await stranger.fill_in(page)
        assert again.status == 403

    at(url, work)


# --- logging in --------------------------------------------------------------------------------


def test_a_form_is_of_this_browser_and_this_request(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        victim, attacker = Browser(house), Browser(house)
        page = await attacker.authorize(client)
        who = {"username": "ada", "password": PASSWORD}
        assert (await victim.fill_in(page, **who)).status == 403
        assert (await attacker.fill_in(page, **who, state="other")).status == 403
        assert (await attacker.fill_in(page, **who, form_token="x")).status == 403
        form = {**wanted(client), **who}
        assert (await attacker.ask("POST", "/oauth2/login", form)).status == 403
        page = await attacker.authorize(client)
        foreign = await attacker.ask(
            "POST", "/oauth2/login", {**hidden(page), **who}, origin="https://evil.test"
        )
        assert foreign.status == 403
        assert "code" in told(await attacker.fill_in(page, **who))

    at(url, work)


def test_whoever_is_refused_is_asked_again_and_waits_in_the_end(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        browser = Browser(house)
        for _ in range(3):
            page = await browser.log_in(client, "wrong password")
            assert page.status == 403
            assert "Name or password are not right." in page.body.decode()
            assert 'value="ada"' in page.body.decode()
            assert "wrong password" not in page.body.decode()
        page = await browser.log_in(client)
        assert (page.status, "retry-after" in page.fields) == (429, True)
        house.now += 11.0
        assert "code" in told(await browser.log_in(client))

    at(url, work)


def test_a_session_cookie_is_made_here_or_is_none(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        browser = Browser(house)
        await browser.log_in(client)
        good = browser.cookies["__Secure-tta-session"]
        session, _, proof = good.partition(".")
        for value in (session, f"{session}.", f"{session}.{proof[:-1]}A", f"x.{proof}", "", "ä.b"):
            browser.cookies["__Secure-tta-session"] = value
            assert (await browser.authorize(client)).status == 200
        browser.cookies["__Secure-tta-session"] = good
        assert (await browser.authorize(client)).status == 303
        house.now += 10_001.0
        assert (await browser.authorize(client)).status == 200  # idle for too long

    at(url, work)


def test_a_password_that_is_changed_ends_what_came_of_codes(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        told = (await house.redeem(client, await Browser(house).code(client))).json
        assert house.accounts is not None
        user = await house.accounts.named("ada")
        assert user is not None
        house.now += 1.0
        await house.accounts.disable(user)
        assert not counts(house, told["access_token"])
        form = {"grant_type": "refresh_token", "client_id": client.id}
        form["refresh_token"] = told["refresh_token"]
        assert error(await house.token(form)) == (400, "invalid_grant")

    at(url, work)


NO_FORM: Final = [
    ('{"grant_type": "client_credentials"}', "application/json"),
    ("grant_type=a&grant_type=b", "application/x-www-form-urlencoded"),
    ("a", "application/x-www-form-urlencoded"),
    ("client_id=a%00", "application/x-www-form-urlencoded"),
    ("a=%ff", "application/x-www-form-urlencoded"),
    ("&".join(f"a{n}=1" for n in range(100)), "application/x-www-form-urlencoded"),
    (f"a={'x' * 5000}", "application/x-www-form-urlencoded"),
]


def test_a_body_that_is_no_form_is_refused(url: DatabaseUrl) -> None:
    async def work(house: OAuthHouse) -> None:
        for body, kind in NO_FORM:
            answer = await house.ask("POST", "/oauth2/token", body, content_type=kind)
            assert error(answer) == (400, "invalid_request")
        by_query = await house.ask("POST", f"/oauth2/token?code_verifier={VERIFIER}", {})
        assert error(by_query) == (400, "invalid_request")

    at(url, work)
