"""Showing a second factor: at the login, in a session, and every lie about it."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.helpers.asgi import Answer
from tests.helpers.factor_house import Person, somebody, with_ada
from tests.helpers.identity_house import ISSUING
from tests.helpers.sign_in_house import SignInHouse, within
from tests.helpers.soft_key import SoftKey
from tta_gateway.features.identity import challenge, metrics
from tta_gateway.features.identity.bound import SecondFactor
from tta_gateway.features.identity.store import Tried

REFUSED = (401, "identity_second_factor_refused")
INVALID = (401, "identity_challenge_invalid")


def heard(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json.get("code", "")


def claims(person: Person) -> dict[str, Any]:
    principal = person.house.bearers.needed(f"Bearer {person.token}")
    return dict(principal.claims)


def good(person: Person) -> float:
    assert person.house.sign_in is not None
    return float(person.house.sign_in.counts.child(metrics.FACTORS, "good").values()[0])


# --- at the login --------------------------------------------------------------------------------


def test_who_has_none_logs_in_as_before(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        assert (claims(ada)["acr"], claims(ada)["amr"]) == ("1", ["pwd"])

    with_ada(tmp_path, work)


def test_who_has_an_authenticator_shows_its_code_and_gets_a_session_of_level_2(
    tmp_path: Path,
) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        ada.house.now += 1000.0
        asked = await ada.asked()
        assert (asked["methods"], asked["expires_in"]) == (["totp", "recovery"], 300)
        assert (asked["enrol"], asked["webauthn"]) == (False, None)
        answer = await ada.verify(asked["mfa_token"], code=ada.code())
        assert answer.status == 200
        said = claims(ada)
        assert (said["acr"], said["amr"]) == ("2", ["pwd", "otp", "mfa"])
        assert said["auth_time"] == int(ada.house.now)
        assert good(ada) == 1.0

    with_ada(tmp_path, work)


def test_one_that_is_enrolled_while_a_password_is_looked_at_is_asked_for(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        logins = ada.house.kept.logins
        tried = logins.tried

        async def meanwhile(name: str, keys: Sequence[tuple[bytes, int]], *, now: float) -> Tried:
            found = await tried(name, keys, now=now)
            await ada.enrol_totp()
            return found

        logins.tried = meanwhile  # type: ignore[method-assign]
        assert (await ada.asked())["methods"] == ["totp", "recovery"]

    with_ada(tmp_path, work)


def test_a_refresh_keeps_the_level_and_when_it_was_shown(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        shown = int(ada.house.now)
        for _ in range(3):
            ada.house.now += 500.0
            ada.taken(await ada.post("refresh", {"refresh_token": ada.refresh}, token=""))
            assert (claims(ada)["acr"], claims(ada)["auth_time"]) == ("2", shown)

    with_ada(tmp_path, work)


def test_a_security_key_is_asked_and_believed(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        key = SoftKey()
        assert (await ada.enrol_key(key)).status == 200
        for _ in range(3):
            asked = await ada.asked()
            assert asked["methods"] == ["webauthn", "recovery"]
            assert asked["webauthn"]["rpId"] == "home"
            said = key.get(asked["webauthn"])
            answer = await ada.verify(asked["mfa_token"], "webauthn", credential=said)
            assert answer.status == 200, answer.json
            assert claims(ada)["amr"] == ["pwd", "hwk", "mfa"]

    with_ada(tmp_path, work)


def test_a_key_that_does_not_count_is_believed_too(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        key = SoftKey(counts=False)
        await ada.enrol_key(key)
        for _ in range(2):
            asked = await ada.asked()
            said = key.get(asked["webauthn"])
            answer = await ada.verify(asked["mfa_token"], "webauthn", credential=said)
            assert answer.status == 200

    with_ada(tmp_path, work)


def test_each_recovery_code_lets_in_once_and_is_told_of(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        codes = ada.codes
        assert len({*codes}) == 10
        for left, code in zip(range(9, -1, -1), codes, strict=True):
            asked = await ada.asked()
            spelt = code.upper().replace("-", " ")
            assert (await ada.verify(asked["mfa_token"], "recovery", code=spelt)).status == 200
            assert ada.house.events[-1][1]["left"] == left
            ada.house.now += 100.0
            again = await ada.asked()
            assert heard(await ada.verify(again["mfa_token"], "recovery", code=code)) == REFUSED
            ada.house.now += 1000.0
        assert (await ada.asked())["methods"] == ["totp"]

    with_ada(tmp_path, work)


# --- attacks on the challenge --------------------------------------------------------------------


def test_a_code_counts_once(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        code = ada.code()  # the one that it was enrolled with
        assert heard(await ada.verify((await ada.asked())["mfa_token"], code=code)) == REFUSED
        code = ada.next_code()
        assert (await ada.verify((await ada.asked())["mfa_token"], code=code)).status == 200
        for later in (0.0, 29.0):
            ada.house.now += later
            assert heard(await ada.verify((await ada.asked())["mfa_token"], code=code)) == REFUSED

    with_ada(tmp_path, work)


def test_a_challenge_counts_once(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        token = (await ada.asked())["mfa_token"]
        assert (await ada.verify(token, code=ada.next_code())).status == 200
        assert heard(await ada.verify(token, code=ada.next_code())) == INVALID

    with_ada(tmp_path, work)


def test_a_challenge_is_over_after_five_minutes(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        token = (await ada.asked())["mfa_token"]
        ada.house.now += 299.0
        assert heard(await ada.verify(token, code="000000")) == REFUSED
        ada.house.now += 1.0
        assert heard(await ada.verify(token, code=ada.code())) == INVALID

    with_ada(tmp_path, work)


def test_another_s_challenge_takes_no_code_of_one_s_own(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        ada, eve = await somebody(house, "ada"), await somebody(house, "eve")
        key = SoftKey()
        await ada.enrol_totp()
        await eve.enrol_totp()
        await eve.enrol_key(key)
        hers = await ada.asked()  # whoever knows ada's password
        assert heard(await eve.verify(hers["mfa_token"], code=eve.next_code())) == REFUSED
        recovery = await eve.verify(hers["mfa_token"], "recovery", code=eve.codes[0])
        assert heard(recovery) == REFUSED
        options = (await eve.asked())["webauthn"]
        said = key.get(options)
        assert heard(await eve.verify(hers["mfa_token"], "webauthn", credential=said)) == REFUSED

    within(tmp_path, work)


def test_a_challenge_is_no_access_token_and_none_of_another_purpose(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        login = (await ada.asked())["mfa_token"]
        for word in ("me", "mfa/factors", "sessions"):
            answer = await ada.ask("GET", word, token=login)
            assert heard(answer) == (401, "identity_token_malformed")
        step_up = (await ada.post("step-up")).json["mfa_challenge"]["mfa_token"]
        begun = (await ada.post("mfa/totp")).json["enrolment"]
        code = ada.next_code()
        for token in (step_up, begun, ada.token, ada.refresh, "", "A", login[:-4], "é" * 40):
            assert heard(await ada.verify(token, code=code))[0] == (401 if token else 400)
        said = {"mfa_token": login, "method": "totp", "code": code}
        assert heard(await ada.post("step-up", said)) == INVALID
        assert heard(await ada.post("mfa/totp", {"mfa_token": login}, token="")) == INVALID
        assert heard(await ada.post("refresh", {"refresh_token": login}, token=""))[0] == 401
        assert (await ada.verify(login, code=code)).status == 200

    with_ada(tmp_path, work)


def test_a_challenge_that_is_changed_anywhere_opens_nothing(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        token = (await ada.asked())["mfa_token"]
        code = ada.next_code()
        for at in range(0, len(token), 7):
            other = "A" if token[at] != "A" else "B"
            changed = token[:at] + other + token[at + 1 :]
            assert heard(await ada.verify(changed, code=code)) == INVALID

    with_ada(tmp_path, work)


@pytest.mark.parametrize("what", ["password", "disable", "logout-all"])
def test_what_ends_the_sessions_ends_the_challenge(tmp_path: Path, what: str) -> None:
    async def work(ada: Person) -> None:
        accounts, sign_in = ada.house.accounts, ada.house.sign_in
        assert accounts is not None
        assert sign_in is not None
        await ada.enrol_totp()
        token = (await ada.asked())["mfa_token"]
        ada.house.now += 30.0
        user = await accounts.named("ada")
        assert user is not None
        ends: dict[str, Callable[[], Awaitable[object]]] = {
            "password": lambda: accounts.set_password(user, "another horse battery"),
            "disable": lambda: accounts.disable(user),
            "logout-all": lambda: sign_in.logout_all(user.id),
        }
        await ends[what]()
        assert heard(await ada.verify(token, code=ada.code())) == INVALID

    with_ada(tmp_path, work)


# --- attacks on keys -----------------------------------------------------------------------------


async def asserted(ada: Person, key: SoftKey, **changed: object) -> tuple[int, str]:
    asked = await ada.asked()
    for name, value in changed.items():
        setattr(key, name, value)
    said = key.get(asked["webauthn"])
    return heard(await ada.verify(asked["mfa_token"], "webauthn", credential=said))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("origin", "https://evil.example"),
        ("origin", "https://home.evil.example"),
        ("origin", "http://home"),
        ("rp_id", "evil.example"),
        ("handle", b"somebody else's"),
        ("id", b"another credential"),
        ("private", SoftKey().private),
    ],
)
def test_a_key_of_another_page_person_or_make_is_not_believed(
    tmp_path: Path, name: str, value: object
) -> None:
    async def work(ada: Person) -> None:
        key = SoftKey()
        await ada.enrol_key(key)
        before = getattr(key, name)
        assert await asserted(ada, key, **{name: value}) == REFUSED
        assert await asserted(ada, key, **{name: before}) == (200, "")

    with_ada(tmp_path, work)


def test_a_key_whose_counter_goes_back_is_not_believed_and_told_of(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        key = SoftKey()
        await ada.enrol_key(key)
        assert await asserted(ada, key, counter=10) == (200, "")
        for counter, counts in ((10, True), (5, True), (0, False)):  # the same, one before, none
            told = await asserted(ada, key, counter=counter, counts=counts)
            assert told == REFUSED
            ada.house.now += 1000.0
        key.counts = True
        assert ("security_key_went_back", {"user": "id-1"}) in ada.house.events
        assert await asserted(ada, key, counter=11) == (200, "")

    with_ada(tmp_path, work)


def test_what_a_key_has_signed_for_one_challenge_is_nothing_to_another(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        key = SoftKey()
        await ada.enrol_key(key)
        first, second = await ada.asked(), await ada.asked()
        said = key.get(first["webauthn"])
        answer = await ada.verify(second["mfa_token"], "webauthn", credential=said)
        assert heard(answer) == REFUSED
        step_up = (await ada.post("step-up")).json["mfa_challenge"]
        said = key.get(step_up["webauthn"])
        answer = await ada.verify(first["mfa_token"], "webauthn", credential=said)
        assert heard(answer) == REFUSED

    with_ada(tmp_path, work)


def test_a_key_s_word_without_a_challenge_raises_nothing(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        key = SoftKey()
        await ada.enrol_key(key)
        said = key.get((await ada.post("step-up")).json["mfa_challenge"]["webauthn"])
        body = {"method": "webauthn", "credential": said}
        assert heard(await ada.post("step-up", body)) == REFUSED

    with_ada(tmp_path, work)


# --- guessing ------------------------------------------------------------------------------------


def test_six_digits_are_not_guessed_and_a_new_login_gives_no_new_tries(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        free = ISSUING.lockout.account
        heard_of = []
        for number in range(free + 3):
            asked = await ada.asked()  # the password is right each time
            answer = await ada.verify(asked["mfa_token"], code=f"{number:06d}")
            heard_of.append(answer.status)
        assert heard_of == [401] * free + [429] * 3
        token = (await ada.asked())["mfa_token"]
        waits = await ada.verify(token, code=ada.next_code())  # right, and too early or not
        assert waits.status in (200, 429)

    with_ada(tmp_path, work)


def test_who_waits_is_told_how_long_and_the_right_code_counts_then(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        for _ in range(ISSUING.lockout.account):
            await ada.verify((await ada.asked())["mfa_token"], code="000000")
        token = (await ada.asked())["mfa_token"]
        answer = await ada.verify(token, code=ada.code(30.0))
        assert heard(answer) == (429, "identity_second_factor_waiting")
        ada.house.now += float(answer.fields["retry-after"])
        assert (await ada.verify(token, code=ada.code(30.0))).status == 200

    with_ada(tmp_path, work)


def test_a_locked_second_factor_keeps_nobody_else_out(tmp_path: Path) -> None:
    async def work(house: SignInHouse) -> None:
        ada, bob = await somebody(house, "ada"), await somebody(house, "bob")
        await ada.enrol_totp()
        await bob.enrol_totp()
        for _ in range(ISSUING.lockout.account + 1):
            await ada.verify((await ada.asked())["mfa_token"], code="000000")
        answer = await bob.verify((await bob.asked())["mfa_token"], code=bob.code(30.0))
        assert answer.status == 200

    within(tmp_path, work)


# --- stepping up ---------------------------------------------------------------------------------


def test_a_session_of_level_1_is_raised_and_stays_so(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        other = Person(ada.house)
        await other.login()
        await ada.enrol_totp()
        assert claims(other)["acr"] == "1"
        asked = (await other.post("step-up")).json["mfa_challenge"]
        assert asked["methods"] == ["totp", "recovery"]
        body = {"method": "totp", "code": ada.next_code()}
        answer = other.taken(await other.post("step-up", body))
        assert (answer.status, answer.json["acr"]) == (200, "2")
        assert answer.json["auth_time"] == int(ada.house.now) == claims(other)["auth_time"]
        assert "refresh_token" not in answer.json
        other.taken(await other.post("refresh", {"refresh_token": other.refresh}, token=""))
        assert (claims(other)["acr"], claims(other)["amr"]) == ("2", ["pwd", "otp", "mfa"])

    with_ada(tmp_path, work)


def test_a_key_raises_a_session_by_its_own_challenge_alone(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        key, other = SoftKey(), Person(ada.house)
        await other.login()
        await ada.enrol_key(key)
        asked = (await other.post("step-up")).json["mfa_challenge"]
        said = key.get(asked["webauthn"])
        body = {"mfa_token": asked["mfa_token"], "method": "webauthn", "credential": said}
        assert heard(await ada.post("step-up", body)) == INVALID  # another session's
        assert (await other.post("step-up", body)).status == 200
        assert heard(await other.post("step-up", body)) == REFUSED  # its counter has not gone on
        said = key.get(asked["webauthn"])
        assert heard(await other.post("step-up", {**body, "credential": said})) == INVALID

    with_ada(tmp_path, work)


def test_who_has_none_hears_so_and_who_has_logged_out_too(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        assert heard(await ada.post("step-up")) == (403, "identity_second_factor_missing")
        await ada.enrol_totp()
        assert ada.house.sign_in is not None
        await ada.house.sign_in.logout("id-1", claims(ada)["sid"])
        body = {"method": "totp", "code": ada.next_code()}
        assert heard(await ada.post("step-up", body)) == (401, "identity_session_over")

    with_ada(tmp_path, work)


def test_guessing_in_a_session_is_counted_likewise(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        body = {"method": "totp", "code": "000000"}
        told = [(await ada.post("step-up", body)).status for _ in range(5)]
        assert told == [401, 401, 401, 429, 429]

    with_ada(tmp_path, work)


# --- what else there is --------------------------------------------------------------------------


def test_a_secret_sealed_with_a_key_that_is_gone_is_told_of_and_codes_still_let_in(
    tmp_path: Path,
) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        ada.house.sealing = b"x" * 32
        token = (await ada.asked())["mfa_token"]
        assert heard(await ada.verify(token, code=ada.next_code())) == REFUSED
        assert ada.house.events[-1][0] == "second_factor_unreadable"
        assert (await ada.verify(token, "recovery", code=ada.codes[0])).status == 200

    with_ada(tmp_path, work)


def test_nothing_secret_is_kept_or_shown(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        factors = ada.house.second_factors
        assert factors is not None
        (found,) = await factors.factors.of("id-1")
        assert found.secret is not None
        assert ada.secret.encode() not in found.secret
        assert "secret" not in repr(found)
        opened = challenge.opened(
            (await ada.post("mfa/totp")).json["enrolment"],
            challenge.Purpose.TOTP,
            b"k" * 32,
            now=ada.house.now,
        )
        assert opened is not None
        assert opened.secret not in repr(opened)

    with_ada(tmp_path, work)


def required(house: SignInHouse, *, within: float = 0.0) -> None:
    factor = SecondFactor(
        name="home",
        rp_id="home",
        origins=("https://home",),
        required_roles=("therapist",),
        within=within,
    )
    house.issuing = msgspec.structs.replace(ISSUING, second_factor=factor)


def test_who_needs_one_and_has_none_may_only_enrol(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        required(ada.house)
        asked = await ada.asked()
        assert (asked["methods"], asked["enrol"]) == ([], True)
        token = asked["mfa_token"]
        assert heard(await ada.verify(token, code="000000")) == INVALID
        answer = await ada.ask("GET", "me", token=token)
        assert heard(answer) == (401, "identity_token_malformed")
        done = await ada.enrol_totp(token)
        assert (done.status, len(done.json["recovery_codes"])) == (200, 10)
        assert claims(ada)["amr"] == ["pwd", "otp", "mfa"]
        assert claims(ada)["acr"] == "2"
        assert done.json["refresh_token"]
        assert heard(await ada.post("mfa/totp", {"mfa_token": token}, token="")) == INVALID

    with_ada(tmp_path, work, "therapist")


def test_for_a_while_after_the_role_was_granted_they_go_on_without(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        required(ada.house, within=900.0)
        ada.house.now += 600.0
        assert "mfa_challenge" in (await ada.login()).json
        assert (await ada.post("refresh", {"refresh_token": ada.refresh}, token="")).status == 200
        ada.house.now += 300.0
        assert (await ada.asked())["enrol"]

    with_ada(tmp_path, work, "therapist")


def test_a_session_from_before_ends_where_one_is_needed_and_none_was_shown(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        required(ada.house)
        answer = await ada.post("refresh", {"refresh_token": ada.refresh}, token="")
        assert heard(answer) == (401, "identity_session_over")
        assert ada.house.sign_in is not None
        assert await ada.house.sign_in.open("id-1") == []

    with_ada(tmp_path, work, "therapist")


def test_a_role_that_needs_one_is_not_got_at_by_a_session_from_before_it(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        required(ada.house)
        assert ada.house.accounts is not None
        user = await ada.house.accounts.named("ada")
        assert user is not None
        await ada.house.accounts.set_roles(user, grant=("therapist",), revoke=(), by="admin")
        ada.house.now += 1.0
        answer = await ada.post("refresh", {"refresh_token": ada.refresh}, token="")
        assert heard(answer) == (401, "identity_session_over")

    with_ada(tmp_path, work)
