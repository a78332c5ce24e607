"""Help lines of the operator's own are renewed while the gateway runs, by what is signed alone."""

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.slow import wait_until
from tta_gateway.features.safety.resources import canonical
from tta_gateway.support.signature import new_key, sign

pytestmark = pytest.mark.e2e

KEY: Final = new_key()
PUBLIC: Final = sign(b"", KEY)[1]
PATIENCE: Final = 10.0


def signed(day: str, number: str) -> bytes:
    content = {"edition": day, "regions": {"US": {"emergency": number}}}
    return json.dumps({"signed": content, "signature": sign(canonical(content), KEY)[0]}).encode()


class Directory:
    """A directory that publishes what the test says."""

    def __init__(self) -> None:
        self.status = 200
        self.data = b""
        directory = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(directory.status)
                self.send_header("Content-Length", str(len(directory.data)))
                self.end_headers()
                self.wfile.write(directory.data)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/lines.json"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def directory() -> Iterator[Directory]:
    made = Directory()
    yield made
    made.close()


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Stage]:
    """A gateway with a file of its operator's own."""
    (tmp_path / "lines.json").write_bytes(signed("2026-11-26", "911"))
    own = {"file": str(tmp_path / "lines.json"), "public_key": PUBLIC}
    with (
        scripted() as upstream,
        stage(
            tmp_path,
            {"path": "/players/{id}", "methods": ["POST"]},
            upstream=upstream,
            safety={"region": "US", "resources": own},
        ) as running,
    ):
        yield running


def number(one: Stage) -> str:
    with one.client() as client:
        told = json.loads(client.get(b"/players//7").body)
    return str(told["help"]["emergency"])


def fetched(folder: Path, url: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tta_gateway", "helplines", "fetch", url]
    return subprocess.run(
        [*command, "-c", str(folder / "gateway.yaml")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_what_a_directory_publishes_is_shown_once_it_is_signed_and_newer(
    one: Stage, directory: Directory, tmp_path: Path
) -> None:
    assert number(one) == "911"
    directory.data = signed("2026-12-01", "112")
    done = fetched(tmp_path, directory.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert wait_until(lambda: number(one) == "112", PATIENCE)
    for status, data in ((200, signed("2026-11-30", "999")), (200, b"{}"), (500, b"")):
        directory.status, directory.data = status, data
        assert fetched(tmp_path, directory.url).returncode == 1
    assert number(one) == "112"


def test_a_file_that_somebody_has_changed_is_refused_and_the_old_lines_stay(
    one: Stage, tmp_path: Path
) -> None:
    file = tmp_path / "lines.json"
    file.write_bytes(signed("2026-11-26", "911").replace(b"911", b"900"))
    refused = "is not what has been signed"
    assert wait_until(lambda: refused in one.gateway.log.read_text(), PATIENCE)
    assert number(one) == "911"
