"""Where people log in for a client: pages and cookies; more in tests/contract/identity."""

import json
import re
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from tests.helpers.factor_house import Person
from tests.helpers.oauth_house import BACK, Browser, OAuthHouse, told, wanted, within
from tests.helpers.soft_key import SoftKey
from tta_gateway.features.identity.password import Passwords
from tta_gateway.support.sql.away import Unavailable


def test_whoever_logs_in_goes_back_with_a_code(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        browser = Browser(house)
        page = await browser.authorize(client, login_hint="ada")
        assert (page.status, page.fields["cache-control"]) == (200, "no-store")
        assert 'value="ada"' in page.body.decode()
        assert f"form-action 'self' {BACK[:-5]}" in page.fields["content-security-policy"]
        assert page.fields["x-frame-options"] == "DENY"
        back = await browser.fill_in(page, username="ada", password="correct horse battery")
        assert told(back).keys() == {"code", "state", "iss"}
        assert "Max-Age" not in back.fields["set-cookie"]
        assert "ada" not in back.fields["set-cookie"]

    within(tmp_path, work)


def test_whoever_has_a_second_factor_shows_it_before_they_go_back(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        ada = Person(house)
        await ada.login()
        await ada.enrol_totp()
        browser = Browser(house)
        page = await browser.authorize(client)
        asked = await browser.fill_in(page, username="ada", password="correct horse battery")
        assert (asked.status, 'autocomplete="one-time-code"' in asked.body.decode()) == (200, True)
        wrong = await browser.fill_in(asked, code="000000")
        assert (wrong.status, 'role="alert"' in wrong.body.decode()) == (401, True)
        back = await browser.fill_in(wrong, code=ada.next_code())
        answer = await house.redeem(client, told(back)["code"])
        principal = house.bearers.needed(f"Bearer {answer.json['access_token']}")
        assert (principal.claims["acr"], principal.claims["amr"]) == ("2", ["pwd", "otp", "mfa"])
        require(house)
        renewed = await house.renew(client, answer.json["refresh_token"])
        assert renewed.status == 200
        again = await browser.fill_in(asked, code=ada.next_code())  # a challenge counts once
        assert (again.status, 'name="password"' in again.body.decode()) == (401, True)

    within(tmp_path, work)


def test_who_has_a_security_key_shows_it_there_too(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        ada = Person(house)
        await ada.login()
        key = SoftKey()
        await ada.enrol_key(key)
        browser = Browser(house)
        page = await browser.authorize(client)
        asked = await browser.fill_in(page, username="ada", password="correct horse battery")
        assert "script-src 'sha256-" in asked.fields["content-security-policy"]
        (options,) = re.findall('data-key="([^"]*)"', asked.body.decode())
        for wrong in ("{", "[]", "{}", '{"rawId": "x"}'):
            again = await browser.fill_in(asked, credential=wrong)
            assert (again.status, "data-key=" in again.body.decode()) == (401, True)
            house.now += 60  # each failure is one
        said = json.dumps(key.get(json.loads(unescape(options))))
        back = await browser.fill_in(asked, credential=said)
        answer = await house.redeem(client, told(back)["code"])
        principal = house.bearers.needed(f"Bearer {answer.json['access_token']}")
        assert (principal.claims["acr"], principal.claims["amr"]) == ("2", ["pwd", "hwk", "mfa"])
        used = await browser.fill_in(asked, credential=said)
        assert used.status == 401

    within(tmp_path, work)


def test_a_session_from_before_a_second_factor_was_needed_gets_no_code(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        browser = Browser(house)
        assert "code" in told(await browser.log_in(client))
        assert "code" in told(await browser.authorize(client))
        require(house)
        page = await browser.authorize(client)
        assert (page.status, 'name="password"' in page.body.decode()) == (200, True)
        refused = await browser.fill_in(page, username="ada", password="correct horse battery")
        assert (refused.status, "you have none yet" in refused.body.decode()) == (403, True)

    within(tmp_path, work)


def require(house: OAuthHouse) -> None:
    """Have everybody need a second factor from now on."""
    assert house.issuing is not None
    factor = msgspec.structs.replace(house.issuing.second_factor, required_roles=("player",))
    house.issuing = msgspec.structs.replace(house.issuing, second_factor=factor)


def test_a_recovery_code_will_do_and_counts_once(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        ada = Person(house)
        await ada.login()
        await ada.enrol_totp()
        for status in (303, 401):
            browser = Browser(house)
            page = await browser.authorize(client)
            asked = await browser.fill_in(page, username="ada", password="correct horse battery")
            assert (await browser.fill_in(asked, code=ada.codes[0])).status == status

    within(tmp_path, work)


def test_a_page_of_a_client_may_send_a_form(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        browser = Browser(house)
        page = await browser.ask("POST", "/oauth2/authorize", wanted(client))
        assert page.status == 200
        await browser.log_in(client)
        assert "code" in told(await browser.ask("POST", "/oauth2/authorize", wanted(client)))

    within(tmp_path, work)


def test_what_is_no_request_is_told_to_the_person(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        for query in ("", "a=1&a=2", urlencode(wanted(client, client_id="x"))):
            page = await house.ask("GET", f"/oauth2/authorize?{query}")
            assert page.status == 400
            assert "Nothing has been sent anywhere." in page.body.decode()
            assert page.fields["content-type"] == "text/html; charset=utf-8"

    within(tmp_path, work)


def test_a_confirmation_without_a_session_asks_anew(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        browser = Browser(house)
        page = await browser.authorize(client)
        again = await browser.fill_in(page, confirm="yes")
        assert (again.status, 'role="alert"' in again.body.decode()) == (403, True)

    within(tmp_path, work)


def test_whoever_looks_after_logins_is_too_busy(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()
        browser = Browser(house)
        page = await browser.authorize(client)
        assert house.sign_in is not None
        house.sign_in.passwords = Passwords(longest=0.0)
        with house.sign_in.passwords.place():
            busy = await browser.fill_in(page, username="ada", password="x" * 8)
        assert (busy.status, busy.fields["retry-after"]) == (503, "2")
        assert "Try again in 2 seconds." in busy.body.decode()

    within(tmp_path, work)


def test_while_nobody_can_be_asked_it_says_so(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        client, _ = await house.client()

        async def away(_: str) -> None:
            raise Unavailable("x")

        oauth = house.oauth
        assert oauth is not None
        oauth.client = away  # type: ignore[method-assign, assignment]
        answers = [await Browser(house).authorize(client)]
        house.oauth = None
        answers.append(await Browser(house).authorize(client))
        assert [(one.status, one.fields["retry-after"]) for one in answers] == [(503, "2")] * 2
        house.issuing = None
        assert (await Browser(house).authorize(client)).status == 404

    within(tmp_path, work)
