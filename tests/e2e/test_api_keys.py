"""API keys: made at the command line, shown by programs, rotated, and revoked within a second."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.helpers.clients import PATIENCE
from tests.helpers.issuing_gateway import AUTH
from tests.helpers.showing import Showing, showing
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e
SOON = 1.0
UNKNOWN = (401, "identity_key_unknown")


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showing]:
    """A gateway that knows keys."""
    with showing(tmp_path_factory.mktemp("keys")) as made:
        yield made


def make(one: Showing, name: str, *permissions: str, role: str = "player", **more: float) -> str:
    """A new key."""
    body = {"name": name, "roles": [role], "permissions": permissions, **more}
    made = one.gateway.administer("POST", "/apikeys", body)
    assert made.status == 201, made
    return str(made.told["key"])


def asked(one: Showing, key: str, path: str = "/shown/a", method: str = "GET") -> tuple[int, str]:
    """Status and code of what a key is told."""
    told = one.gateway.ask(method, path, fields={"x-api-key": key})
    return told.status, told.code


def everywhere(one: Showing, key: str, wanted: tuple[int, str]) -> bool:
    """Whether so many calls in a row, each to whichever worker takes it, hear that."""
    return all(asked(one, key) == wanted for _ in range(12))


def test_a_key_counts_in_either_field_and_no_service_sees_it(one: Showing) -> None:
    key = make(one, "fields")
    assert wait_until(lambda: everywhere(one, key, (200, "")), SOON)
    for fields in ({"x-api-key": key}, {"authorization": f"Bearer {key}"}):
        told = one.gateway.ask("GET", "/shown/a", fields={**fields, "x-other": "kept"})
        assert told.status == 200
        seen = dict(told.told["fields"])
        assert key not in str(seen)
        assert "authorization" not in seen
        assert seen["x-other"] == "kept"


def test_what_another_service_calls_a_key_is_none_of_ours(one: Showing) -> None:
    told = one.gateway.ask("GET", "/open/a", fields={"x-api-key": "theirs"})
    assert dict(told.told["fields"])["x-api-key"] == "theirs"
    assert asked(one, "theirs") == (401, "identity_token_missing")


def test_what_is_no_key_is_refused(one: Showing) -> None:
    key = make(one, "attacked")
    for shown in (
        "tta_",
        key[:-1],
        f"{key}x",
        key.swapcase(),
        "tta_" + "A" * 49,
        f"{key[:10]}{'A' * 43}",
        "tta_" + key[4:].lower(),
        f"tta_{'A' * 4000}",
    ):
        assert asked(one, shown)[0] == 401, shown
    beside = {"x-api-key": key, "authorization": "Bearer x.y.z"}
    told = one.gateway.ask("GET", "/shown/a", fields=beside)
    assert (told.status, told.code) == (401, "identity_token_malformed")
    for path in ("me", "sessions"):  # what is somebody's own is no key's
        assert one.gateway.ask("GET", f"{AUTH}/{path}", fields={"x-api-key": key}).status == 401
    assert asked(one, key, f"/shown/a?api_key={key}")[0] == 200
    assert one.gateway.ask("GET", f"/shown/a?x-api-key={key}").status == 401
    assert one.gateway.ask("GET", "/admin/v1/users", token=key, port=_admin(one)).status == 401


def _admin(one: Showing) -> int:
    return one.gateway.admin._port


def test_a_key_may_what_its_roles_may_or_less(one: Showing) -> None:
    whole = make(one, "whole", role="service")
    some = make(one, "some", "profile:read", role="admin")
    therapist = make(one, "therapist", "profile:read", role="therapist")
    all_of_it = make(one, "all-of-it", role="therapist")
    assert wait_until(lambda: everywhere(one, all_of_it, (200, "")), SOON)
    told = {
        (name, path): asked(one, key, path)[0]
        for name, key in (
            ("whole", whole),
            ("some", some),
            ("therapist", therapist),
            ("all", all_of_it),
        )
        for path in ("/profiles", "/reports", "/therapists", "/shown/a")
    }
    assert {path: told["some", path] for path in ("/profiles", "/reports", "/shown/a")} == {
        "/profiles": 200,
        "/reports": 403,
        "/shown/a": 200,
    }
    assert (told["all", "/therapists"], told["therapist", "/therapists"]) == (200, 403)
    assert told["whole", "/therapists"] == 403


def test_a_key_that_expires_counts_no_more(one: Showing) -> None:
    key = make(one, "short", lasts=2)
    assert wait_until(lambda: asked(one, key) == (200, ""), SOON)
    assert wait_until(lambda: asked(one, key)[0] == 401, 4)
    assert asked(one, key)[1] in ("identity_key_expired", "identity_key_unknown")


def test_a_successor_counts_beside_it_until_the_overlap_is_over(one: Showing) -> None:
    key = make(one, "turning")
    told = one.gateway.administer("POST", "/apikeys/turning/rotate", {"overlap": 2})
    following = str(told.told["key"])
    assert wait_until(lambda: everywhere(one, following, (200, "")), SOON)
    assert asked(one, key) == (200, "")
    assert wait_until(lambda: asked(one, key)[0] == 401, 4)
    assert asked(one, following) == (200, "")


def test_one_that_is_revoked_is_refused_and_ends_what_it_has_opened_within_a_second(
    one: Showing,
) -> None:
    key, other = make(one, "revoked"), make(one, "untouched")
    assert wait_until(lambda: everywhere(one, other, (200, "")), SOON)
    fields = {"X-API-Key": key}
    with (
        one.socket("/plain", Authorization=f"Bearer {key}") as first,
        one.socket("/plain", Authorization=f"Bearer {other}") as second,
    ):
        first.recv(PATIENCE)
        second.recv(PATIENCE)
        began = time.monotonic()
        assert one.gateway.administer("DELETE", "/apikeys/revoked").told == {"revoked": 1}
        with pytest.raises(ConnectionClosed) as caught:
            first.recv(PATIENCE)
        assert time.monotonic() - began < SOON
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1008
        second.send("still here")
        assert second.recv(PATIENCE) == "still here"
    assert everywhere(one, key, UNKNOWN)
    with pytest.raises(InvalidStatus), one.socket("/plain", Authorization=f"Bearer {key}"):
        pass
    assert fields["X-API-Key"] not in one.logs()


def typed(one: Showing, *words: str) -> subprocess.CompletedProcess[str]:
    """What a command says."""
    file = str(one.gateway.stage.gateway.log.with_name("gateway.yaml"))
    return subprocess.run(
        [sys.executable, "-m", "tta_gateway", "apikey", *words, "-c", file],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_line_makes_lists_rotates_and_revokes(one: Showing) -> None:
    made = typed(one, "add", "typed", "--role", "player", "--permission", "profile:read")
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert wait_until(lambda: everywhere(one, key, (200, "")), SOON)
    assert "shown this once" in made.stderr
    listed = typed(one, "list").stdout
    assert "typed  " in listed
    assert key not in listed
    rotated = typed(one, "rotate", "typed", "--overlap-hours", "0")
    assert rotated.returncode == 0, rotated.stderr
    assert wait_until(lambda: everywhere(one, rotated.stdout.strip(), (200, "")), SOON)
    assert asked(one, key)[0] == 401
    assert typed(one, "revoke", "typed").stdout == "1 key revoked\n"
    again = typed(one, "revoke", "typed")
    assert (again.returncode, "no key `typed`" in again.stderr) == (1, True)
    wrong = typed(one, "add", "typed", "--role", "nobody")
    assert (wrong.returncode, "no role `nobody`" in wrong.stderr) == (1, True)
