"""Enrolling and taking away: who may, what confirms it, and what another cannot be made to."""

from pathlib import Path

import pytest

from tests.helpers.asgi import Answer
from tests.helpers.factor_house import Person, somebody, with_ada
from tests.helpers.identity_house import ISSUING
from tests.helpers.sign_in_house import SignInHouse, within
from tests.helpers.soft_key import SoftKey
from tests.unit.features.identity.test_second_factor import required

INVALID = (401, "identity_challenge_invalid")
REFUSED = (401, "identity_second_factor_refused")
WEAK = (401, "identity_authentication_insufficient")
FRESH = ISSUING.second_factor.fresh


def heard(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json.get("code", "") if answer.body else ""


async def factors(person: Person) -> list[dict[str, str]]:
    found: list[dict[str, str]] = (await person.ask("GET", "mfa/factors")).json["factors"]
    return found


def test_an_authenticator_is_enrolled_and_told_of(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        assert (await ada.ask("GET", "me")).json["mfa_enabled"] is False
        done = await ada.enrol_totp()
        assert done.status == 200
        assert done.json["factor"]["kind"] == "totp"
        assert done.json["factor"]["label"] == "authenticator"
        assert done.json["refresh_token"] == ""  # the one of the session stays
        me = (await ada.ask("GET", "me")).json
        assert (me["mfa_enabled"], me["mfa_verified"]) == (True, True)
        assert (await ada.post("verify-token")).json["mfa_verified"] is True
        told = (await ada.ask("GET", "mfa/factors")).json
        assert told["recovery_codes_left"] == 10
        assert [one["id"] for one in told["factors"]] == [done.json["factor"]["id"]]
        assert "secret" not in str(told)
        names = [name for name, _ in ada.house.events]
        assert names == ["second_factor_added"]

    with_ada(tmp_path, work)


def test_a_platform_s_client_finds_it_at_setup(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        begun = await ada.post("mfa/setup?method=totp")
        assert begun.json["otpauth_uri"].startswith("otpauth://totp/home:ada?secret=")
        assert begun.json["expires_in"] in (299, 300)

    with_ada(tmp_path, work)


def test_further_ones_bring_no_new_recovery_codes_and_there_are_ten_at_most(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        for _ in range(9):
            done = await ada.enrol_key(SoftKey())
            assert (done.status, done.json["recovery_codes"]) == (200, [])
        assert heard(await ada.enrol_key(SoftKey())) == (409, "identity_second_factor_taken")
        assert len(await factors(ada)) == 10

    with_ada(tmp_path, work)


def test_a_key_is_one_person_s_and_is_not_enrolled_twice(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        ada, eve = await somebody(house, "ada"), await somebody(house, "eve")
        key = SoftKey()
        await ada.enrol_key(key)
        assert heard(await eve.enrol_key(key)) == (409, "identity_second_factor_taken")
        assert heard(await ada.enrol_key(key)) == (409, "identity_second_factor_taken")
        options = (await ada.post("mfa/webauthn/options")).json["webauthn"]
        assert len(options["excludeCredentials"]) == 1
        assert options["attestation"] == "none"

    within(tmp_path, work)


def test_a_wrong_code_enrols_nothing_and_the_right_one_still_does(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        begun = (await ada.post("mfa/totp")).json
        ada.secret = begun["secret"]
        body = {"enrolment": begun["enrolment"], "code": "000000"}
        assert heard(await ada.post("mfa/totp/confirm", body)) == REFUSED
        assert await factors(ada) == []
        body["code"] = ada.code()
        assert (await ada.post("mfa/totp/confirm", body)).status == 200
        assert heard(await ada.post("mfa/totp/confirm", body)) == WEAK

    with_ada(tmp_path, work)


def test_an_enrolment_counts_once(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        begun = (await ada.post("mfa/totp")).json
        ada.secret = begun["secret"]
        body = {"enrolment": begun["enrolment"], "code": ada.code()}
        assert (await ada.post("mfa/totp/confirm", body)).status == 200
        assert heard(await ada.post("mfa/totp/confirm", body)) == INVALID
        ada.house.now += 301.0
        begun = (await ada.post("mfa/totp")).json
        ada.house.now += 300.0
        body = {"enrolment": begun["enrolment"], "code": ada.code()}
        assert heard(await ada.post("mfa/totp/confirm", body))[0] == 401

    with_ada(tmp_path, work)


# --- whose it is ---------------------------------------------------------------------------------


def test_nobody_has_another_confirm_what_they_have_begun(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        ada, eve = await somebody(house, "ada"), await somebody(house, "eve")
        begun = (await eve.post("mfa/totp")).json
        eve.secret = begun["secret"]
        body = {"enrolment": begun["enrolment"], "code": eve.code()}
        assert heard(await ada.post("mfa/totp/confirm", body)) == INVALID
        key = SoftKey()
        begun = (await eve.post("mfa/webauthn/options")).json
        said = {"enrolment": begun["enrolment"], "credential": key.create(begun["webauthn"])}
        assert heard(await ada.post("mfa/webauthn", said)) == INVALID
        assert await factors(ada) == []

    within(tmp_path, work)


def test_nor_in_another_session_of_the_same_person(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        other = Person(ada.house)
        await other.login()
        begun = (await other.post("mfa/totp")).json
        other.secret = begun["secret"]
        body = {"enrolment": begun["enrolment"], "code": other.code()}
        assert heard(await ada.post("mfa/totp/confirm", body)) == INVALID

    with_ada(tmp_path, work)


def test_what_was_begun_before_another_factor_was_there_is_not_confirmed_behind_it(
    tmp_path: Path,
) -> None:
    async def work(ada: Person) -> None:
        thief = Person(ada.house)  # has come by the password, or a token
        await thief.login()
        begun = (await thief.post("mfa/totp")).json
        thief.secret = begun["secret"]
        await ada.enrol_totp()
        body = {"enrolment": begun["enrolment"], "code": thief.code()}
        assert heard(await thief.post("mfa/totp/confirm", body)) == WEAK

    with_ada(tmp_path, work)


@pytest.mark.parametrize(
    ("name", "value"), [("origin", "https://evil.example"), ("rp_id", "evil.example")]
)
def test_a_key_of_another_page_is_not_enrolled(tmp_path: Path, name: str, value: str) -> None:
    async def work(ada: Person) -> None:
        key = SoftKey()
        setattr(key, name, value)
        assert heard(await ada.enrol_key(key)) == REFUSED

    with_ada(tmp_path, work)


@pytest.mark.parametrize("part", ["clientDataJSON", "attestationObject"])
@pytest.mark.parametrize("changed", ["", "AAAA", "e30", "oA", "9w"])
def test_what_is_no_word_of_a_key_enrols_nothing(tmp_path: Path, part: str, changed: str) -> None:
    async def work(ada: Person) -> None:
        begun = (await ada.post("mfa/webauthn/options")).json
        said = SoftKey().create(begun["webauthn"])
        said["response"][part] = changed
        body = {"enrolment": begun["enrolment"], "credential": said}
        assert heard(await ada.post("mfa/webauthn", body)) == REFUSED

    with_ada(tmp_path, work)


# --- what has to be shown first ------------------------------------------------------------------


def test_the_first_one_takes_a_login_that_is_not_long_ago(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        ada.house.now += FRESH
        assert (await ada.post("mfa/totp")).status == 200
        ada.house.now += 1.0
        ada.taken(await ada.post("refresh", {"refresh_token": ada.refresh}, token=""))
        for word in ("mfa/totp", "mfa/webauthn/options"):
            answer = await ada.post(word)
            assert heard(answer) == WEAK
            assert answer.fields["www-authenticate"] == (
                'Bearer error="insufficient_user_authentication", acr_values="1", max_age="600"'
            )
        await ada.login()
        assert (await ada.post("mfa/totp")).status == 200

    with_ada(tmp_path, work)


def test_further_ones_and_changes_take_a_second_factor_that_was_shown_lately(
    tmp_path: Path,
) -> None:
    async def work(ada: Person) -> None:
        other = Person(ada.house)
        await other.login()  # of level 1
        await ada.enrol_totp()
        (factor,) = await factors(ada)
        changes = (
            ("POST", "mfa/totp"),
            ("POST", "mfa/webauthn/options"),
            ("POST", "mfa/recovery-codes"),
            ("DELETE", f"mfa/factors/{factor['id']}"),
        )
        for method, word in changes:
            answer = await other.ask(method, word)
            assert heard(answer) == WEAK
            assert 'acr_values="2"' in answer.fields["www-authenticate"]
        ada.house.now += FRESH + 1.0
        ada.taken(await ada.post("refresh", {"refresh_token": ada.refresh}, token=""))
        for method, word in changes:
            assert heard(await ada.ask(method, word)) == WEAK
        ada.taken(await ada.post("step-up", {"method": "totp", "code": ada.code()}))
        for method, word in changes:
            assert (await ada.ask(method, word)).status in (200, 204)

    with_ada(tmp_path, work)


def test_nobody_is_asked_in_without_a_token_or_with_another_s_issuer(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        for word in ("mfa/totp", "mfa/webauthn/options"):
            assert heard(await ada.post(word, token="")) == (401, "identity_token_missing")
            assert heard(await ada.post(word, token="x"))[0] == 401
            assert heard(await ada.post(word, {"mfa_token": "x"}, token="")) == INVALID

    with_ada(tmp_path, work)


# --- taking away ---------------------------------------------------------------------------------


def test_one_that_is_taken_away_lets_nobody_in_and_the_last_takes_the_codes_along(
    tmp_path: Path,
) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        ada.house.now += 1.0
        await ada.enrol_key(SoftKey())
        first, second = await factors(ada)
        assert (await ada.ask("DELETE", f"mfa/factors/{first['id']}")).status == 204
        assert (await ada.asked())["methods"] == ["webauthn", "recovery"]
        again = await ada.ask("DELETE", f"mfa/factors/{first['id']}")
        assert heard(again) == (404, "identity_second_factor_unknown")
        assert (await ada.ask("DELETE", f"mfa/factors/{second['id']}")).status == 204
        assert (await ada.ask("GET", "mfa/factors")).json["recovery_codes_left"] == 0
        assert (await ada.login()).json["mfa_required"] is False
        answer = await ada.post("mfa/recovery-codes")
        assert heard(answer) == WEAK

    with_ada(tmp_path, work)


def test_another_s_is_not_taken_away(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        ada, eve = await somebody(house, "ada"), await somebody(house, "eve")
        await ada.enrol_totp()
        await eve.enrol_totp()
        (hers,) = await factors(ada)
        answer = await eve.ask("DELETE", f"mfa/factors/{hers['id']}")
        assert heard(answer) == (404, "identity_second_factor_unknown")
        assert len(await factors(ada)) == 1

    within(tmp_path, work)


def test_the_last_one_stays_where_a_role_needs_it(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        required(ada.house)
        await ada.enrol_totp()
        (first,) = await factors(ada)
        answer = await ada.ask("DELETE", f"mfa/factors/{first['id']}")
        assert heard(answer) == (409, "identity_second_factor_stays")
        await ada.enrol_key(SoftKey())
        assert (await ada.ask("DELETE", f"mfa/factors/{first['id']}")).status == 204

    with_ada(tmp_path, work, "therapist")


def test_new_recovery_codes_take_the_place_of_the_others(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        fresh = (await ada.post("mfa/recovery-codes")).json["recovery_codes"]
        assert len({*fresh, *ada.codes}) == 20
        token = (await ada.asked())["mfa_token"]
        assert heard(await ada.verify(token, "recovery", code=ada.codes[0])) == REFUSED
        assert (await ada.verify(token, "recovery", code=fresh[0])).status == 200

    with_ada(tmp_path, work)
