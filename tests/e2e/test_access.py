"""Who may see what: real processes, tokens as issuers sign them, and services that would answer.

Who cares for whom comes with control's part; here nobody does.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

SECRETS: Final = {"platform": "a secret of the platform as it is now", "clinic": "x" * 40}
ROLES: Final = {"platform": ["player"], "clinic": ["therapist", "admin", "service", "coach"]}
ROUTES: Final = (
    {
        "path": "/players/{player_id}/progress",
        "access": {"permission": "progress:read", "owner": "player_id", "content": "clinical"},
    },
    {
        "path": "/players/{player_id}",
        "access": {
            "permissions": {"GET": "profile:read", "DELETE": "data:delete"},
            "owner": "player_id",
        },
    },
    {"path": "/worlds", "access": {"permission": "worlds:read"}},
    {"path": "/shadow/{player_id}", "access": {"owner": "player_id", "shadow": True}},
    {"path": "/admin", "roles": ["admin", "coach"]},
)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Stage]:
    """A gateway whose routes ask, in front of a service that answers whatever it is asked."""
    issuers = []
    for name, secret in SECRETS.items():
        file = tmp_path / name
        file.write_text(secret)
        issuers.append(
            {
                "name": name,
                "secret": {"file": str(file)},
                "own_subjects": True,
                "roles": ROLES[name],
            }
        )
    with (
        scripted() as upstream,
        stage(
            tmp_path,
            *({"auth": "required", **one} for one in ROUTES),
            upstream=upstream,
            identity={"issuers": issuers},
            access={"roles": {"coach": {"extends": ["player"]}}},
        ) as running,
    ):
        yield running


def a_token(subject: str, role: str, *, issuer: str = "", **claims: object) -> str:
    name = issuer or ("platform" if role == "player" else "clinic")
    told = {"sub": subject, "role": role, "exp": int(time.time()) + 600, **claims}
    return jwt.encode({"alg": "HS256"}, told, OctKey.import_key(SECRETS[name]))


def ask(
    one: Stage, path: str, token: str, *, method: str = "GET", more: bytes = b""
) -> tuple[int, dict[str, Any]]:
    """Ask; return the status, and the problem where there is one."""
    head = f"{method} {path} HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: Bearer {token}\r\n"
    with one.client() as client:
        client.send(head.encode() + more + b"\r\n")
        answer = client.answer(to=method.encode())
    return answer.status, json.loads(answer.body) if answer.status >= 400 else {}


def code(one: Stage, path: str, token: str, *, method: str = "GET", more: bytes = b"") -> str:
    """Why not; the status where nothing is wrong."""
    status, problem = ask(one, path, token, method=method, more=more)
    return str(problem.get("code", status))


def test_everybody_sees_what_is_theirs_and_nobody_elses(guarded: Stage) -> None:
    """Red with `owner` not looked at: the platform's services answer whoever asks."""
    player = a_token("p1", "player")
    assert code(guarded, "/players/p1/progress", player) == "200"
    answers = [ask(guarded, f"/players/{who}/progress", player) for who in ("p2", "nobody")]
    for status, problem in answers:
        assert (status, problem["code"]) == (404, "access_not_there")
    alike = [{k: v for k, v in one.items() if k != "correlation_id"} for _, one in answers]
    assert alike[0] == alike[1]
    assert guarded.upstream.calls(b"/players/p1/progress") == 1
    assert guarded.upstream.calls(b"/players/p2/progress") == 0  # nobody was asked


def test_a_role_in_a_token_counts_only_where_its_issuer_may_say_it(guarded: Stage) -> None:
    forged = a_token("p1", "admin", issuer="platform", permissions=["users:read", "worlds:read"])
    status, problem = ask(guarded, "/worlds", forged)
    assert (status, problem["code"]) == (403, "access_permission_missing")
    assert "`worlds:read`" in problem["detail"]
    assert code(guarded, "/admin", forged) == "access_role_missing"
    assert code(guarded, "/admin", a_token("a1", "admin")) == "200"


def test_no_administrator_and_no_therapist_of_others_sees_what_people_go_through(
    guarded: Stage,
) -> None:
    assert code(guarded, "/players/p1/progress", a_token("a1", "admin")) == (
        "access_permission_missing"
    )
    assert code(guarded, "/players/p1/progress", a_token("t1", "therapist")) == "access_not_there"


def test_a_field_for_another_method_changes_neither_decision_nor_request(guarded: Stage) -> None:
    seen: list[tuple[bytes, bytes | None]] = []

    def script(call: Call) -> None:
        seen.append((call.head.method, call.head.value(b"x-http-method-override")))
        call.answer(b"told")

    guarded.upstream.answers(b"/players/p1", script)
    override, player = b"X-HTTP-Method-Override: DELETE\r\n", a_token("p1", "player")
    assert code(guarded, "/players/p1", player, more=override) == "200"
    assert seen == [(b"GET", None)]
    assert code(guarded, "/players/p1", player, method="PUT") == "access_method_closed"
    assert code(guarded, "/players/p1", player, method="DELETE") == "200"


@pytest.mark.parametrize(
    "path", ["/players/p1/../p2/progress", "/players/%702/progress", "/players/p2%20/progress"]
)
def test_no_spelling_leads_to_somebody_else(guarded: Stage, path: str) -> None:
    assert ask(guarded, path, a_token("p1", "player"))[0] in (400, 404)


def test_what_a_rule_in_shadow_would_refuse_is_in_the_log_alone(guarded: Stage) -> None:
    assert code(guarded, "/shadow/p2", a_token("p1", "player")) == "200"
    assert code(guarded, "/shadow/p1", a_token("p1", "player")) == "200"

    (refused,), (passed,) = (guarded.lines(one) for one in (b"/shadow/p2", b"/shadow/p1"))
    assert (refused["shadow"], refused["status"]) == ("access_not_there", 200)
    assert "shadow" not in passed


def test_a_role_that_is_written_anew_counts_from_the_reload_on(
    guarded: Stage, tmp_path: Path
) -> None:
    """A principal's token was proved before: what its role holds is not remembered with it."""
    coach = a_token("c1", "coach")
    assert code(guarded, "/worlds", coach) == "200"
    file = tmp_path / "gateway.yaml"
    config = yaml.safe_load(file.read_text())
    config["access"]["roles"]["coach"] = {"permissions": ["teams:lead"]}
    file.write_text(yaml.safe_dump(config))
    os.kill(guarded.gateway.process.pid, signal.SIGHUP)
    assert wait_until(lambda: code(guarded, "/worlds", coach) == "access_permission_missing", 10.0)
