"""Roles that two people grant: proposed by one, approved by another, over the command line too."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.helpers.issuing_gateway import AUTH, PASSWORD, Answer, Issuing, issuing
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

REASON: Final = "she begins at the clinic on Monday"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuing]:
    """A gateway where administrators and clinicians are made by two; three administrators."""
    folder: Path = tmp_path_factory.mktemp("changes")
    for name in ("a", "b"):
        (folder / name).mkdir()
    with issuing(folder / "a") as before:  # the first ones are made before two are asked for
        for name in ("anna", "berta", "clara"):
            before.user(name, "admin")
        state = before.state
    state.rename(folder / "b" / "state")
    with issuing(folder / "b", access={"two_person": ["admin", "therapist"]}) as made:
        made.user("ada")
        yield made


def token_of(one: Issuing, name: str) -> str:
    return str(one.login(name).told["access_token"])


def changes(
    one: Issuing, path: str, token: str, body: Mapping[str, object] | None = None
) -> Answer:
    port = one.admin._port
    return one.ask("POST", f"/admin/v1/changes{path}", body, token=token, port=port)


def proposal(user: str = "ada", role: str = "therapist") -> dict[str, object]:
    return {"kind": "roles", "change": {"user": user, "grant": [role]}, "reason": REASON}


def run(one: Issuing, *arguments: str) -> tuple[int, str, str]:
    file = str(one.stage.gateway.log.with_name("gateway.yaml"))
    command = [sys.executable, "-m", "tta_gateway", *arguments, "-c", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def _steps(one: Issuing, made: Answer) -> list[str]:
    """What the log tells of a change."""
    told = one.stage.events("change_stepped")
    return [each["step"] for each in told if each["id"] == made.told["id"]]


def roles(one: Issuing, name: str) -> list[str]:
    return list(one.administer("GET", f"/users/{name}").told["roles"])


def test_nobody_grants_such_a_role_alone(one: Issuing) -> None:
    """Red without `_check_alone` in features/identity/accounts.py."""
    told = one.administer("POST", "/users/ada/roles", {"grant": ["therapist"]})
    assert (told.status, "Nobody grants `therapist` alone" in told.told["detail"]) == (422, True)
    body = {"username": "eve", "password": PASSWORD, "roles": ["admin"]}
    assert one.administer("POST", "/users", body).status == 422
    admin = one.admin.token()
    assert changes(one, "", admin, proposal()).status == 403
    assert changes(one, "", token_of(one, "ada"), proposal()).status == 403
    assert changes(one, "", "", proposal()).status == 401


def test_a_program_neither_proposes_nor_decides_and_has_no_such_role(one: Issuing) -> None:
    """Red without `person` in features/identity/bearer.py, and `_check_alone` of either."""
    roles = ["clinical_supervisor"]  # who may approve, and whom one person makes here
    body = {"name": "program", "kind": "confidential", "roles": roles}
    client = one.administer("POST", "/clients", body).told
    key = one.administer("POST", "/apikeys", {"name": "program", "roles": roles}).told["key"]
    made = changes(one, "", token_of(one, "anna"), proposal())
    for token in (one.own_token(client["id"], client["secret"]), key):
        assert one.guarded(token) == (200, "")  # it is good elsewhere
        for path, asked in (("", proposal()), (f"/{made.told['id']}/approve", None)):
            told = changes(one, path, token, asked)
            assert told.status == 403
            assert "a person who has logged in at the gateway" in told.told["detail"]
    assert changes(one, f"/{made.told['id']}/withdraw", token_of(one, "anna")).status == 200
    two = {"roles": ["admin"]}
    for method, path, more in (
        ("POST", "/clients", {"name": "another", "kind": "confidential"}),
        ("PUT", "/clients/program", {}),
        ("POST", "/apikeys", {"name": "another"}),
    ):
        told = one.administer(method, path, {**two, **more})
        assert (told.status, "obody grants `admin` alone" in told.told["detail"]) == (422, True)


def test_one_proposes_and_another_approves_and_tokens_from_before_count_no_more(
    one: Issuing,
) -> None:
    one.user("bea")
    said = one.login("bea").told
    anna = token_of(one, "anna")
    made = changes(one, "", anna, proposal("bea"))
    assert (made.status, made.told["state"]) == (201, "proposed")
    path = f"/{made.told['id']}/approve"
    for token in (anna, token_of(one, "anna")):  # over another session neither
        refused = changes(one, path, token)
        assert (refused.status, refused.told["code"]) == (403, "admin_forbidden")
    assert roles(one, "bea") == ["player"]
    assert one.guarded(said["access_token"]) == (200, "")
    done = changes(one, path, token_of(one, "berta"), {"note": "as agreed"})
    assert (done.status, done.told["state"], done.told["note"]) == (200, "applied", "as agreed")
    assert one.is_known_everywhere(said["access_token"], (401, "identity_token_revoked"))
    assert roles(one, "bea") == ["player", "therapist"]
    assert changes(one, path, token_of(one, "clara")).status == 409
    assert wait_until(lambda: _steps(one, made) == ["propose", "approve"])
    assert (
        one.ask("POST", f"{AUTH}/refresh", {"refresh_token": said["refresh_token"]}).status == 200
    )


def test_nobody_approves_their_own_roles(one: Issuing) -> None:
    made = changes(one, "", token_of(one, "anna"), proposal("berta"))
    path = f"/{made.told['id']}/approve"
    refused = changes(one, path, token_of(one, "berta"))
    assert (refused.status, "your own roles" in refused.told["detail"]) == (422, True)
    assert roles(one, "berta") == ["admin"]
    assert changes(one, path, token_of(one, "clara")).status == 200
    assert roles(one, "berta") == ["admin", "therapist"]


def test_of_many_who_approve_at_once_one_does(one: Issuing) -> None:
    one.user("cleo")
    made = changes(one, "", token_of(one, "anna"), proposal("cleo"))
    tokens = [token_of(one, name) for name in ("berta", "clara", "berta", "clara")]
    path, statuses = f"/{made.told['id']}/approve", []

    def approve(token: str) -> None:
        statuses.append(changes(one, path, token).status)

    threads = [threading.Thread(target=approve, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 409, 409, 409]
    assert roles(one, "cleo") == ["player", "therapist"]


def test_the_command_line_shows_proposes_and_decides(one: Issuing) -> None:
    anna, berta = token_of(one, "anna"), token_of(one, "berta")
    said = ("changes", "propose", "ada", "--grant", "therapist", "--reason", REASON)
    code, out, err = run(one, *said, "--token", anna)
    assert (code, err) == (0, "")
    id = out.split()[0]
    assert "grant therapist to ada" in out
    assert out in run(one, "changes", "list")[1]
    code, _, err = run(one, "changes", "approve", id, "--token", anna)
    assert (code, "proposed it yourself" in err) == (1, True)
    code, out, _ = run(one, "changes", "reject", id, "--note", "not yet", "--token", berta)
    assert (code, out.split()[1]) == (0, "rejected")
    again = run(one, *said, "--token", anna)[1].split()[0]
    assert run(one, "changes", "withdraw", again, "--token", anna)[0] == 0
    third = run(one, *said, "--token", anna)[1].split()[0]
    code, out, _ = run(one, "changes", "approve", third, "--token", berta)
    assert (code, out.split()[1]) == (0, "applied")
    assert roles(one, "ada") == ["player", "therapist"]
