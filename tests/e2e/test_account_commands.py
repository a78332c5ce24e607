"""`tta-gateway user` and `tta-gateway keys`, against a gateway that runs."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.helpers.issuing_gateway import PASSWORD, Issuing, issuing
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuing]:
    """A gateway that issues, with nobody in it."""
    with issuing(tmp_path_factory.mktemp("commands"), workers=1) as made:
        yield made


def run(one: Issuing, *arguments: str, said: str = "") -> tuple[int, str, str]:
    """Run a command; return its exit code and what it prints."""
    file = str(one.stage.gateway.log.with_name("gateway.yaml"))
    done = subprocess.run(
        [sys.executable, "-m", "tta_gateway", *arguments, "-c", file],
        input=said,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def add(one: Issuing, name: str, *more: str) -> str:
    code, out, err = run(one, "user", "add", name, "--password-stdin", *more, said=PASSWORD + "\n")
    assert (code, err) == (0, "")
    return out


def test_a_user_is_made_shown_and_can_log_in(one: Issuing) -> None:
    assert add(one, "Ada Lovelace".replace(" ", "."), "--role", "therapist").startswith(
        "ada.lovelace  active  therapist  "
    )
    assert "ada.lovelace  active  therapist" in run(one, "user", "list")[1]
    assert one.login("ada.lovelace").told["user"]["roles"] == ["therapist"]


def test_a_user_s_password_roles_and_state_are_changed(one: Issuing) -> None:
    add(one, "bob@example.org")
    token = one.login("bob@example.org").told["access_token"]
    said = "another horse battery\n"
    assert run(one, "user", "passwd", "bob@example.org", "--password-stdin", said=said)[0] == 0
    assert one.guarded(token)[1] == "identity_token_revoked"
    assert one.login("bob@example.org", "another horse battery").status == 200
    for command, shown in (
        (("role", "bob@example.org", "--grant", "therapist"), "active  player, therapist"),
        (("disable", "bob@example.org"), "disabled"),
        (("enable", "bob@example.org"), "active"),
    ):
        code, out, _ = run(one, "user", *command)
        assert (code, shown in out) == (0, True)
    one.login("bob@example.org", "another horse battery")
    assert run(one, "user", "logout", "bob@example.org")[1] == "1 session ended\n"


def test_what_cannot_be_is_said_and_ends_with_1(one: Issuing) -> None:
    code, _, err = run(one, "user", "disable", "nobody")
    assert (code, "404 There is no user `nobody`" in err) == (1, True)
    code, _, err = run(one, "user", "add", "eve", "--password-stdin", said="short\n")
    assert (code, "8 to 256 characters" in err, "short" in err) == (1, True, False)
    assert run(one, "user", "role", "eve")[0] == 2


def test_keys_are_shown_and_rotated(one: Issuing) -> None:
    (before,) = run(one, "keys", "list")[1].splitlines()
    assert before.endswith("signs")
    assert len(run(one, "keys", "rotate")[1].splitlines()) == 2
    assert wait_until(lambda: run(one, "keys", "list")[1].splitlines()[1].endswith("signs"), 20)
    (after,) = run(one, "keys", "rotate", "--now")[1].splitlines()
    assert after.split()[0] != before.split()[0]
