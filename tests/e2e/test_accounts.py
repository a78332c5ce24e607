"""People make accounts and change passwords, at a gateway of processes."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from tests.helpers.issuing_gateway import AUTH, PASSWORD, Answer, Issuing, issuing
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

NEWER: Final = "several quiet words"
GOOD: Final = (200, "")
REVOKED: Final = (401, "identity_token_revoked")


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuing]:
    """A gateway where everybody may register."""
    changed = {"registration": "open", "lockout": {"registrations": 12, "first": "1s"}}
    with issuing(tmp_path_factory.mktemp("accounts"), issuing=changed) as made:
        yield made


def run(one: Issuing, *arguments: str) -> tuple[int, str, str]:
    """Run `tta-gateway user …`; return its exit code and what it prints."""
    file = str(one.stage.gateway.log.with_name("gateway.yaml"))
    done = subprocess.run(
        [sys.executable, "-m", "tta_gateway", "user", *arguments, "-c", file],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def code_in(out: str) -> str:
    found = re.search(r"code, shown this once: (\S+)", out)
    assert found, out
    return found[1]


def register(one: Issuing, name: str, **more: object) -> Answer:
    body = {"username": name, "password": NEWER, **more}
    return one.ask("POST", f"{AUTH}/register", body)


def test_nobody_makes_themselves_more_than_a_player(one: Issuing) -> None:
    claimed = {"role": "admin", "roles": ["therapist"], "permissions": ["users:write"]}
    made = register(one, "mallory", **claimed, is_admin=True, scope="all")
    assert (made.status, made.told["role"], made.told["roles"]) == (200, "player", ["player"])
    token = one.login("mallory", NEWER).told["access_token"]
    assert one.claims(token)["roles"] == ["player"]
    told = one.ask("GET", f"{AUTH}/permissions", token=token).told
    assert (told["is_admin"], told["is_therapist"]) == (False, False)
    again = register(one, "Mallory")
    assert (again.status, again.code) == (409, "identity_name_taken")


def test_of_two_who_want_a_name_at_once_one_has_it(one: Issuing) -> None:
    begin = threading.Barrier(4)

    def ask(_: int) -> int:
        begin.wait()
        return register(one, "wanted").status

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(ask, range(4))) == [200, 409, 409, 409]


def test_an_invitation_is_for_one_and_has_its_roles(one: Issuing) -> None:
    code, out, _ = run(one, "invite", "--role", "therapist", "--days", "1")
    assert code == 0
    invitation = code_in(out)
    assert out.splitlines()[1].split("  ")[1] == "player, therapist"
    assert invitation not in run(one, "invitations")[1]
    made = register(one, "tessa", invitation=invitation)
    assert made.told["roles"] == ["player", "therapist"]
    used = register(one, "another", invitation=invitation)
    assert (used.status, used.code) == (403, "identity_invitation_invalid")
    second = run(one, "invite")[1]
    id = second.splitlines()[1].split()[0]
    assert run(one, "invitations", "--withdraw", id) == (0, f"{id} is no good any more\n", "")
    assert register(one, "third", invitation=code_in(second)).status == 403
    assert run(one, "invite", "--role", "emperor")[0] == 1


def test_who_goes_on_trying_waits(one: Issuing) -> None:
    invited = code_in(run(one, "invite")[1])
    heard = [register(one, "mallory") for _ in range(14)]
    last = heard[-1]
    assert (last.status, last.code) == (429, "identity_registration_waiting")
    assert int(last.fields["retry-after"]) >= 1
    assert register(one, "late", invitation=invited).status == 200
    assert one.login("mallory", NEWER).status == 200


def test_a_code_gives_back_who_has_forgotten(one: Issuing) -> None:
    one.user("ada")
    before = one.login().told["access_token"]
    assert one.is_known_everywhere(before, GOOD)
    code, out, _ = run(one, "reset", "ada")
    assert (code, "for ada, once, until" in out) == (0, True)
    body = {"code": code_in(out), "new_password": NEWER}
    assert one.ask("POST", f"{AUTH}/password/redeem", body).status == 200
    assert one.is_known_everywhere(before, REVOKED)
    assert one.login().code == "identity_login_refused"
    assert one.login("ada", NEWER).status == 200
    used = one.ask("POST", f"{AUTH}/password/reset", body)
    assert (used.status, used.code) == (403, "identity_reset_invalid")
    assert run(one, "reset", "nobody-there")[0] == 1


def test_a_changed_password_ends_the_other_sessions_everywhere(one: Issuing) -> None:
    one.user("ben")
    here, there = (one.login("ben").told["access_token"] for _ in range(2))
    body = {"current_password": PASSWORD, "new_password": NEWER}
    wrong = one.ask("POST", f"{AUTH}/password", {**body, "current_password": "wrong"}, token=here)
    assert (wrong.status, wrong.code) == (403, "identity_password_wrong")
    assert one.ask("POST", f"{AUTH}/password/change", body, token=here).status == 200
    assert one.is_known_everywhere(there, REVOKED)
    assert one.is_known_everywhere(here, GOOD)
    assert one.login("ben", NEWER).status == 200


def test_operators_are_told_and_no_secret_is_written(one: Issuing) -> None:
    steps = {"registered", "invited", "reset_begun", "password_reset", "password_changed"}

    def are_told() -> bool:
        return steps == {str(told["step"]) for told in one.stage.events("account_changed")}

    assert wait_until(are_told, 5.0)
    written = one.stage.gateway.log.read_text() + one.stage.access_log.read_text()
    for secret in (NEWER, "tta_in_", "tta_pr_", "mallory", "tessa"):
        assert secret not in written
    rows = b"".join(file.read_bytes() for file in one.state.glob("*.db*") if file.is_file())
    for secret in (NEWER, "tta_in_", "tta_pr_"):
        assert secret.encode() not in rows


def test_nobody_registers_where_nobody_may(tmp_path_factory: pytest.TempPathFactory) -> None:
    with issuing(tmp_path_factory.mktemp("off")) as closed:
        assert register(closed, "mira").told == {}  # it goes where the operator's routes say
        assert closed.login("mira", NEWER).code == "identity_login_refused"
