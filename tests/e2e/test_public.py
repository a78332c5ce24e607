"""The gateway's own endpoints: reached through the workers, and by no other way."""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.admin import Admin
from tests.helpers.clients import Client, post_of
from tests.helpers.gateway import free_port
from tests.helpers.probe import asked
from tests.helpers.slow import companion_of, wait_until

pytestmark = pytest.mark.e2e

DESCRIPTION: Final = b"/api/v1/openapi.json"
ID: Final = b"0192f0c1-0000-7000-8000-000000000001"
MIB: Final = 1024 * 1024
LISTEN: Final = "0A"  # the state of a socket in /proc/net/tcp
TO_CONTROL: Final = (
    {"path": "/own/{rest:path}", "service": "gateway", "max_body": "2MiB"},
    {
        "path": "/elsewhere.json",
        "methods": ["GET"],
        "service": "gateway",
        "rewrite": {"path": DESCRIPTION.decode()},
        "response_headers": {"x-own": "yes"},
    },
)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder whose path is longer than that of a socket may be."""
    return tmp_path_factory.mktemp("public") / ("a" * 60) / ("b" * 60) / "state"


@pytest.fixture(scope="module")
def admin_at() -> int:
    """The port of the administration."""
    return free_port()


@pytest.fixture(scope="module")
def one(state: Path, admin_at: int) -> Iterator[Stage]:
    """A gateway with control, and two routes of the operator's to its own service."""
    probe = free_port()
    folder = state.parents[2]
    with (
        scripted() as upstream,
        stage(
            folder,
            *TO_CONTROL,
            upstream=upstream,
            admin=f"127.0.0.1:{admin_at}",
            probe=f"127.0.0.1:{probe}",
            state_dir=str(state),
            profile="tta",
        ) as running,
    ):
        assert wait_until(lambda: asked(probe)[1].get("control") == "serving")
        yield running


def control_of(one: Stage) -> int:
    """The process that serves it."""
    pid = companion_of(one.gateway.process.pid, "control")
    assert pid
    return pid


def test_the_description_is_served_to_clients(one: Stage) -> None:
    with one.client() as client:
        answer = client.get(DESCRIPTION, fields=[(b"X-Request-ID", ID)])
        told = json.loads(answer.body)
        assert (answer.status, answer.value(b"content-type")) == (200, b"application/json")
        assert told["openapi"].startswith("3.1")
        assert list(told["paths"]) == [DESCRIPTION.decode()]
        assert answer.values(b"x-request-id") == [ID]
        assert answer.values(b"server") == []
        client.ask(DESCRIPTION, method=b"HEAD")
        head = client.answer(to=b"HEAD")
        assert (head.status, head.value(b"content-length")) == (200, b"%d" % len(answer.body))
    (line, *_) = one.lines(DESCRIPTION, count=2)
    assert (line["route"], line["status"]) == (f"GET {DESCRIPTION.decode()}", 200)


def test_what_is_not_its_own_goes_to_the_services_as_ever(one: Stage) -> None:
    target = one.on(lambda call: call.answer(call.body()), under=b"/api/v1/")
    with one.client() as client:
        assert client.get(target).status == 200
        client.send(post_of(DESCRIPTION, b"hello"))
        assert client.answer().status == 200
    assert one.upstream.calls(DESCRIPTION) == 1


def test_a_route_of_the_operator_s_may_lead_to_it(one: Stage) -> None:
    with one.client() as client:
        answer = client.get(b"/elsewhere.json")
        assert (answer.status, answer.value(b"x-own")) == (200, b"yes")
        assert json.loads(answer.body) == json.loads(client.get(DESCRIPTION).body)


def test_its_errors_are_worded_like_all_others_and_name_the_request(one: Stage) -> None:
    with one.client() as client:
        answer = client.get(b"/own/nothing", fields=[(b"X-Request-ID", ID)])
    told = json.loads(answer.body)
    assert (answer.status, answer.value(b"content-type")) == (404, b"application/problem+json")
    assert (told["code"], told["correlation_id"]) == ("routing_not_found", ID.decode())
    assert told["message"] == told["detail"]


def test_a_body_is_bounded_by_the_route_and_by_itself(one: Stage) -> None:
    with one.client() as client:
        client.send(post_of(DESCRIPTION, b"hello", method=b"GET"))
        answer = client.answer()
        assert (answer.status, b"request_body_too_large" in answer.body) == (413, True)
    for size, status in ((MIB, 404), (MIB + 1, 413), (2 * MIB + 1, 413)):
        with one.client() as client:
            client.send(post_of(b"/own/x", b"a" * size))
            assert client.answer().status == status


def test_the_socket_is_its_owner_s_alone(one: Stage, state: Path) -> None:
    assert one.gateway.process.poll() is None
    assert stat.S_IMODE((state / "control.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_no_other_address_leads_to_it(one: Stage, state: Path, admin_at: int) -> None:
    """Control listens at the socket and at the administration's address, which serves none of it.

    Red where the admin app includes `public_routers` in node/assemble_control.py.
    """
    pid = control_of(one)
    links = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()]
    inodes = {found[1] for link in links if (found := re.fullmatch(r"socket:\[(\d+)\]", link))}
    rows = [
        line.split()
        for file in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{file}").read_text().splitlines()[1:]
    ]
    ports = {
        int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == LISTEN and row[9] in inodes
    }
    assert ports == {admin_at}
    assert Admin(admin_at, state).ask(DESCRIPTION.decode())[0] == 404
    with Client(admin_at) as client:
        assert client.get(DESCRIPTION).status == 404


def test_the_gateway_s_log_holds_no_fault_of_it(one: Stage) -> None:
    printed = one.gateway.log.read_text()
    assert [word for word in ("public_failed", "admin_failed", "ASGI") if word in printed] == []


def test_it_is_switched_off_and_on_by_a_reload(tmp_path: Path, whole: Stage) -> None:
    file = tmp_path / "gateway.yaml"
    config = yaml.safe_load(file.read_text())
    with whole.client() as client:
        assert client.get(DESCRIPTION).status == 200
        file.write_text(yaml.safe_dump({**config, "openapi": {"enabled": False}}))
        assert wait_until(lambda: client.get(DESCRIPTION).body == b"plain")
        own = {"auth": "none", **TO_CONTROL[1], "path": "/own.json"}
        off = {**config, "openapi": {"enabled": False}, "routes": [*config["routes"], own]}
        file.write_text(yaml.safe_dump(off))
        assert wait_until(lambda: client.get(b"/own.json").body != b"plain")
        assert wait_until(lambda: json.loads(client.get(b"/own.json").body)["paths"] == {})
        file.write_text(yaml.safe_dump(config))
        assert wait_until(lambda: client.get(DESCRIPTION).body != b"plain")


def test_without_control_there_is_none_of_it(tmp_path: Path) -> None:
    with scripted() as upstream, stage(tmp_path, upstream=upstream, admin="off") as one:
        with one.client() as client:
            assert client.get(DESCRIPTION).body == b"plain"
        assert companion_of(one.gateway.process.pid, "control") is None


def test_an_operator_who_takes_its_place_is_told(tmp_path: Path) -> None:
    taken = {"path": DESCRIPTION.decode(), "methods": ["GET"]}
    with (
        scripted() as upstream,
        pytest.raises(RuntimeError, match=r"routes\[1\]\.path: takes GET /api/v1/openapi\.json"),
        stage(tmp_path, taken, upstream=upstream, admin=f"127.0.0.1:{free_port()}"),
    ):
        """Not reached."""
