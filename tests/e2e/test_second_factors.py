"""Second factors through a gateway that runs: at the login, on routes, on sockets, by operators."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from tests.helpers.clients import PATIENCE
from tests.helpers.issuing_gateway import AUTH, PASSWORD, Issuing, issuing
from tests.helpers.person import Person
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e
CLINICAL: Final = "/clinical/a"
ADMINISTRATIVE: Final = "/administrative/a"
WEAK: Final = "access_authentication_insufficient"


def _echo(socket: ServerConnection) -> None:
    for message in socket:
        socket.send(message)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuing]:
    """A gateway with routes that ask for a second factor, by themselves and because of it."""
    folder: Path = tmp_path_factory.mktemp("factors")
    rules = {"required_roles": ["admin"], "step_up": {"fresh": "15m"}}
    with serve(_echo, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        with issuing(
            folder,
            {"path": "/clinical/{rest:path}", "auth": "required", "access": {"level": 2}},
            {"path": "/administrative/{rest:path}", "auth": "required", "roles": ["admin"]},
            {
                "path": "/programs/{rest:path}",
                "auth": "required",
                "roles": ["admin"],
                "access": {"level": 1},
            },
            {"path": "/socket", "auth": "required", "service": "echo", "access": {"level": 2}},
            beside={"echo": {"endpoints": [f"http://127.0.0.1:{port}"]}},
            issuing={"second_factor": rules},
        ) as made:
            yield made
        server.shutdown()


def test_a_second_factor_is_enrolled_asked_for_and_opens_what_asks_for_it(one: Issuing) -> None:
    ada = Person(one, "ada")
    assert ada.login().told["mfa_required"] is False
    assert ada.heard("/guarded/a")[0] == 200
    assert ada.heard(CLINICAL) == (401, WEAK)
    assert len(ada.enrol().told["recovery_codes"]) == 10
    assert ada.heard(CLINICAL)[0] == 200
    ada.token = ""
    token = ada.asked()
    assert ada.post("mfa/verify", {"mfa_token": token, "code": "000000"}).status == 401
    assert ada.post("mfa/verify", {"mfa_token": token, "code": ada.code(0)}).status == 200
    assert ada.heard(CLINICAL)[0] == 200
    me = one.ask("GET", f"{AUTH}/me", token=ada.token).told
    assert (me["mfa_enabled"], me["mfa_verified"]) == (True, True)
    ada.post("refresh", {"refresh_token": ada.refresh}, token="")
    assert ada.heard(CLINICAL)[0] == 200
    assert [one.told["code"] for one in (ada.post("mfa/verify", {"mfa_token": token}),)] == [
        "identity_second_factor_refused"
    ]


def test_a_session_of_level_1_is_told_what_is_asked_and_raised(one: Issuing) -> None:
    bob = Person(one, "bob")
    bob.login()
    level_1 = bob.token
    bob.enrol()
    bob.token = level_1
    answer = one.ask("GET", CLINICAL, token=level_1)
    assert answer.fields["www-authenticate"] == (
        'Bearer error="insufficient_user_authentication", acr_values="2"'
    )
    told = bob.post("step-up", {}).told["mfa_challenge"]
    assert told["methods"] == ["totp", "recovery"]
    raised = bob.post("step-up", {"method": "totp", "code": bob.code(0)})
    assert (raised.status, raised.told["acr"]) == (200, "2")
    assert bob.heard(CLINICAL)[0] == 200
    assert one.is_known_everywhere(bob.token, (200, ""))


def test_a_socket_is_opened_for_who_has_shown_enough_and_for_nobody_else(one: Issuing) -> None:
    eve = Person(one, "eve")
    eve.login()
    url = f"ws://127.0.0.1:{one.stage.port}/socket"
    offered = [Subprotocol("bearer"), Subprotocol(eve.token)]
    with pytest.raises(InvalidStatus) as refused:
        connect(url, subprotocols=offered, open_timeout=PATIENCE)
    assert refused.value.response.status_code == 401
    assert "insufficient_user_authentication" in refused.value.response.headers["www-authenticate"]
    eve.enrol()
    offered = [Subprotocol("bearer"), Subprotocol(eve.token)]
    with connect(url, subprotocols=offered, open_timeout=PATIENCE) as socket:
        socket.send("hello")
        assert socket.recv(PATIENCE) == "hello"


def test_who_has_a_role_that_needs_one_may_do_nothing_but_enrol(one: Issuing) -> None:
    chef = Person(one, "chef", "admin")
    told = chef.login().told
    assert (told["access_token"], told["mfa_challenge"]["enrol"]) == ("", True)
    token = told["mfa_challenge"]["mfa_token"]
    for path in ("/guarded/a", ADMINISTRATIVE, f"{AUTH}/me", f"{AUTH}/mfa/factors"):
        answer = one.ask("GET", path, token=token)
        assert (answer.status, answer.code) == (401, "identity_token_malformed")
    assert chef.post("mfa/verify", {"mfa_token": token, "code": "000000"}).status == 401
    assert chef.enrol(token).status == 200
    assert chef.heard(ADMINISTRATIVE)[0] == 200  # `step_up` asks, and it was shown just now
    answer = chef.post("mfa/totp", {"mfa_token": token}, token="")
    assert answer.code == "identity_challenge_invalid"


def test_six_digits_are_not_guessed(one: Issuing) -> None:
    dan = Person(one, "dan")
    dan.login()
    dan.enrol()
    dan.token = ""
    statuses = []
    for number in range(8):
        body = {"mfa_token": dan.asked(), "code": f"{number:06d}"}
        statuses.append(dan.post("mfa/verify", body).status)
    assert statuses == [401] * 5 + [429] * 3
    assert dan.post("mfa/verify", {"mfa_token": dan.asked(), "code": dan.code(0)}).status == 429
    assert dan.token == ""


def test_a_recovery_code_counts_once_on_whatever_worker(one: Issuing) -> None:
    flo = Person(one, "flo")
    flo.login()
    flo.enrol()
    for wanted in (200, 401):
        body = {"mfa_token": flo.asked(), "method": "recovery", "code": flo.codes[0]}
        assert flo.post("mfa/verify", body).status == wanted


def command(one: Issuing, *arguments: str) -> str:
    file = str(one.stage.gateway.log.with_name("gateway.yaml"))
    done = subprocess.run(
        [sys.executable, "-m", "tta_gateway", "user", "factors", *arguments, "-c", file],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_operators_see_them_and_take_them_away_from_who_has_lost_them(one: Issuing) -> None:
    gil = Person(one, "gil")
    gil.login()
    assert command(one, "gil") == "0 recovery codes left\n"
    gil.enrol()
    shown = command(one, "gil")
    assert shown.startswith("totp  authenticator  since ")
    assert shown.endswith("10 recovery codes left\n")
    assert gil.secret not in shown
    assert command(one, "gil", "--remove") == "1 second factor taken away, all sessions ended\n"
    assert gil.heard("/guarded/a") == (401, "identity_token_revoked")
    assert gil.login().told["mfa_required"] is False


def test_no_log_holds_a_secret_or_a_code(one: Issuing) -> None:
    hal = Person(one, "hal")
    hal.login()
    hal.enrol()
    assert wait_until(lambda: "second_factor_added" in one.stage.gateway.log.read_text())
    logs = one.stage.gateway.log.read_text() + one.stage.access_log.read_text()
    for secret in (hal.secret, hal.codes[0], hal.token, hal.refresh, PASSWORD):
        assert secret not in logs


def test_programs_pass_no_route_that_asks_people_for_a_second_factor(one: Issuing) -> None:
    """Nothing that they could show stands in for one; the operator says where they may."""
    terms = {"name": "program", "roles": ["admin"]}
    key = one.administer("POST", "/apikeys", terms).told["key"]
    client = one.administer("POST", "/clients", {**terms, "kind": "confidential"}).told
    for token in (key, one.own_token(client["id"], client["secret"])):
        assert wait_until(lambda token=token: one.guarded(token) == (200, ""))  # type: ignore[misc]
        heard = {
            path: one.ask("GET", path, token=token)
            for path in (CLINICAL, ADMINISTRATIVE, "/programs/a")
        }
        assert [(said.status, said.code) for said in heard.values()] == [
            (401, WEAK),
            (401, WEAK),
            (200, ""),
        ]
