"""The command as operators meet it: what it prints where, and the status that it ends with."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.e2e.edge.stage import scripted, stage
from tests.helpers.clients import PATIENCE, Client
from tests.helpers.gateway import start_gateway
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import is_alive, wait_until, workers_of

pytestmark = pytest.mark.e2e

ROOT: Final = Path(__file__).parents[2]
COMMAND: Final = (sys.executable, "-m", "tta_gateway")
SECONDS: Final = 30.0
BAD: Final = """\
workers: 0
listen: nowhere
services:
  up: {endpoints: ["ftp://127.0.0.1:1"]}
routes:
  - {path: /a, service: upp, auth: none}
  - {path: /b, service: up}
rutes: []
"""
COMPLAINT: Final = re.compile(r"(?P<file>[^:]+):(?P<line>\d+):(?P<column>\d+) (?P<key>\S+): .+")


def _run(
    *arguments: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def _good(**more: object) -> dict[str, Any]:
    return {
        "listen": "127.0.0.1:0",
        "services": {"up": {"endpoints": ["http://127.0.0.1:9"]}},
        "routes": [{"path": "/{rest:path}", "service": "up", "auth": "none"}],
        "escalation": {
            "contacts": {"team": {"webhook": {"url": "http://127.0.0.1:9/", "unsigned": "a test"}}}
        },
        **more,
    }


def _written(folder: Path, config: Mapping[str, object]) -> str:
    file = folder / "gateway.yaml"
    file.write_text(yaml.safe_dump(dict(config)))
    return str(file)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    """A file with an error of every kind."""
    file = tmp_path / "gateway.yaml"
    file.write_text(BAD)
    return str(file)


# --- check ----------------------------------------------------------------------------------------


def test_the_installed_command_is_this_one() -> None:
    installed = shutil.which("tta-gateway", path=str(Path(sys.executable).parent))
    assert installed, "pip has installed it beside the interpreter"
    done = subprocess.run(
        [installed, "--version"], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert done.stdout == _run("--version").stdout


def test_a_good_file_is_good(tmp_path: Path) -> None:
    file = _written(tmp_path, _good())
    done = _run("check", "-c", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{file} is good: 1 service, 1 route\nsafety: 1 of 1 ")


def test_an_issuer_who_may_make_clinicians_is_warned_of(tmp_path: Path) -> None:
    issuer = {"name": "clinic", "secret": {"env": "SHARED"}, "roles": ["player", "therapist"]}
    file = _written(tmp_path, _good(identity={"issuers": [issuer]}))
    done = _run("check", "-c", file, environment={"SHARED": "0123456789abcdef" * 4})
    assert done.returncode == 0
    assert done.stdout.startswith(f"{file} is good: 1 service, 1 route\n")
    (line,) = done.stderr.splitlines()
    assert COMPLAINT.fullmatch(line)
    assert "identity.issuers[0].roles[1]: warning: `clinic` may make anybody a `therapist`" in line


def test_the_file_of_the_folder_is_taken_where_none_is_named(tmp_path: Path) -> None:
    _written(tmp_path, _good())
    told = _run("check", cwd=tmp_path).stdout
    assert told.startswith("gateway.yaml is good: 1 service, 1 route\n")


def test_every_error_is_a_line_that_names_its_place(bad: str) -> None:
    done = _run("check", "-c", bad)
    found = [COMPLAINT.fullmatch(line) for line in done.stderr.splitlines()]
    assert (done.returncode, done.stdout) == (2, "")
    assert [(match["line"], match["key"]) for match in found if match] == [
        ("1", "workers"),
        ("2", "listen"),
        ("4", "services.up.endpoints[0]"),
        ("6", "routes[0].service"),
        ("7", "routes[1]"),
        ("8", "rutes"),
    ]
    assert None not in found


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path, command: str) -> None:
    file = tmp_path / "none.yaml"
    done = _run(command, "-c", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{file}: cannot be read: No such file or directory\n"


@pytest.mark.parametrize("text", ["\0", "a: [", "a: 1\na: 2\n", "\xff\xfe", "- a\n", ""])
def test_what_is_no_configuration_at_all_is_refused_without_a_traceback(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_bytes(text.encode("latin-1"))
    done = _run("check", "-c", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{file}:")
    assert "Traceback" not in done.stderr


def test_an_error_in_the_environment_names_the_variable(tmp_path: Path) -> None:
    file = _written(tmp_path, _good())
    done = _run("check", "-c", file, environment={"TTA_GATEWAY__LISTEN": "nowhere"})
    assert done.returncode == 2
    assert done.stderr.startswith("TTA_GATEWAY__LISTEN listen: ")


# --- run ------------------------------------------------------------------------------------------


def test_a_bad_file_is_not_run_and_every_error_is_told(bad: str) -> None:
    checked, run = _run("check", "-c", bad), _run("run", "-c", bad)
    assert (run.returncode, run.stdout, run.stderr) == (2, "", checked.stderr)


def test_a_port_that_is_taken_is_said_to_be_and_nothing_is_left(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = _run("run", "-c", _written(tmp_path, _good(listen=f"127.0.0.1:{port}")))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("cannot start: ")
    assert "address already in use" in done.stderr.lower()
    assert len(done.stderr.splitlines()) == 1


def test_an_address_that_is_not_here_is_said_not_to_be(tmp_path: Path) -> None:
    done = _run(
        "run",
        "-c",
        _written(tmp_path, _good(listen=[{"address": "192.0.2.1:8080", "plaintext": "a test"}])),
    )
    assert (done.returncode, done.stdout) == (1, "")
    line = done.stderr.lower().splitlines()[-1]
    assert line == "cannot start: 192.0.2.1:8080: cannot assign requested address"


def test_a_unix_socket_that_cannot_be_is_said_not_to_be(tmp_path: Path) -> None:
    done = _run("run", "-c", _written(tmp_path, _good(listen=f"unix:{tmp_path}/none/socket")))
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr


def test_a_log_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    log = str(tmp_path / "gateway.yaml" / "access.log")  # below a file
    done = _run("run", "-c", _written(tmp_path, _good(access_log={"path": log})))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("cannot start: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    gateway = start_gateway(_good(), tmp_path)
    try:
        (worker,) = workers_of(gateway.process.pid)
        gateway.process.send_signal(number)
        assert gateway.process.wait(PATIENCE) == 0
        assert wait_until(lambda: not is_alive(worker))
        with pytest.raises(ConnectionRefusedError):
            Client(gateway.port)
        assert "Traceback" not in gateway.tail()
    finally:
        gateway.stop()


def test_a_signal_lets_what_is_under_way_end(tmp_path: Path) -> None:
    with scripted() as upstream, stage(tmp_path, upstream=upstream) as one:

        def answer_when_told_to_end(call: Call) -> None:
            one.gateway.process.send_signal(signal.SIGTERM)
            assert wait_until(lambda: not _accepts(one.port))
            call.answer(b"whole")

        with one.client() as client:
            assert client.get(one.on(answer_when_told_to_end)).body == b"whole"
        assert one.gateway.process.wait(PATIENCE) == 0


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def test_port_0_takes_a_free_one_and_says_which(tmp_path: Path) -> None:
    gateway = start_gateway(_good(listen=["127.0.0.1:0", "127.0.0.1:0"]), tmp_path)
    try:
        assert wait_until(lambda: gateway.log.read_text().count("ready: ") == 2)
        urls = re.findall(r"ready: http://127\.0\.0\.1:(\d+)\n", gateway.log.read_text())
        assert len({*urls, "0"}) == 3
        for port in urls:
            with Client(int(port)) as client:
                assert client.get(b"/").status == 502
    finally:
        gateway.stop()


def test_a_unix_socket_is_told_and_taken_away_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    gateway = start_gateway(_good(listen=f"unix:{path}"), tmp_path)
    try:
        assert gateway.url == f"unix:{path}"
        assert path.is_socket()
    finally:
        gateway.stop()
    assert not path.exists()


def test_a_file_where_a_unix_socket_is_to_listen_stays(tmp_path: Path) -> None:
    path = tmp_path / "of-value"
    path.write_text("of value")
    done = _run("run", "-c", _written(tmp_path, _good(listen=f"unix:{path}")))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"cannot start: {path}: is there already and is no socket\n"
    assert path.read_text() == "of value"


def test_what_has_taken_the_place_of_a_unix_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    gateway = start_gateway(_good(listen=f"unix:{path}"), tmp_path)
    try:
        path.unlink()
        path.write_text("of value")
    finally:
        gateway.stop()
    assert path.read_text() == "of value"


# --- docs, schema, show ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference, written anew."""
    folder = tmp_path_factory.mktemp("reference") / "below"
    done = _run("docs", "--into", str(folder))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


def test_the_reference_that_is_kept_is_the_one_that_the_code_writes(pages: Path) -> None:
    kept = ROOT / "docs" / "reference"
    written = {page.name: page.read_text() for page in pages.iterdir()}
    assert {page.name: page.read_text() for page in kept.iterdir()} == written


def test_pages_that_were_just_written_are_up_to_date(pages: Path) -> None:
    done = _run("docs", "--check", "--into", str(pages))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_page_that_is_missing_or_changed_is_named_and_left_alone(
    pages: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(pages, tmp_path / "reference")
    (folder / "order.md").unlink()
    (folder / "errors.md").write_text("something else")
    done = _run("docs", "--check", "--into", str(folder))
    assert (done.returncode, done.stdout) == (1, "")
    assert {"order.md", "errors.md"} <= set(re.findall(r"[\w.]+\.md", done.stderr))
    assert "settings.md" not in done.stderr
    assert not (folder / "order.md").exists()
    assert (folder / "errors.md").read_text() == "something else"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema, as the command prints it."""
    done = _run("config", "schema")
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _definition(schema: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """What a property's type refers to."""
    (name,) = set(re.findall(r"#/definitions/(\w+)", json.dumps(made)))
    found: dict[str, Any] = schema["definitions"][name]
    return found


def test_the_schema_is_one_that_editors_can_use(schema: dict[str, Any]) -> None:
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert (schema["type"], schema["required"]) == ("object", ["routes"])
    named = set(re.findall(r"#/definitions/(\w+)", json.dumps(schema)))
    assert named == set(schema["definitions"])
    objects = [schema, *schema["definitions"].values()]
    assert [one for one in objects if one["additionalProperties"] is not False] == []


def test_the_schema_knows_every_key_of_the_demonstration(schema: dict[str, Any]) -> None:
    file = yaml.safe_load((ROOT / "examples" / "tta" / "gateway.yaml").read_text())
    assert set(file) <= set(schema["properties"])
    route = _definition(schema, schema["properties"]["routes"]["items"])
    keys = {key for one in file["routes"] for key in one}
    assert keys <= set(route["properties"])
    assert set(route["required"]) == {"path"}


def test_what_is_shown_may_be_run(tmp_path: Path) -> None:
    shown = _run("config", "show", "-c", _written(tmp_path, _good()))
    assert (shown.returncode, shown.stderr) == (0, "")
    again = tmp_path / "shown.yaml"
    again.write_text(shown.stdout)
    assert _run("check", "-c", str(again)).returncode == 0
    assert _run("config", "show", "-c", str(again)).stdout == shown.stdout


def test_explaining_a_request_of_a_bad_file_tells_the_errors_instead(bad: str) -> None:
    done = _run("routes", "explain", "-c", bad, "GET", "/")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == _run("check", "-c", bad).stderr


@pytest.mark.parametrize(
    "words", [["chek"], ["run", "--conf", "x"], ["routes", "explain", "GET"], ["config", "x"]]
)
def test_a_command_that_is_not_known_is_refused_with_its_usage(words: list[str]) -> None:
    done = _run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: ")
