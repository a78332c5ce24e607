"""Large bodies do not hold up small requests: scenario 38 of docs/faults.md."""

import contextlib
import json
import subprocess
import time
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.edge.stage import Stage
from tests.helpers.clients import Client
from tests.helpers.scripted_upstream import Call
from tests.helpers.soak import TIMES

pytestmark = pytest.mark.e2e

UPLOADS: Final = 4
ROUNDS: Final = 3 * TIMES
LAG: Final = 0.05


def latest(client: Client, *, seconds: float) -> float:
    """How long a request takes that the gateway answers itself, but for one in a hundred."""
    took, until = [], time.monotonic() + seconds
    while (begun := time.monotonic()) < until:
        assert client.get(b"/nowhere%2f").status == 400
        took.append(time.monotonic() - begun)
        time.sleep(0.001)
    return sorted(took)[len(took) * 99 // 100]


def test_ten_megabytes_of_json_do_not_hold_up_a_small_request(edge: Stage, tmp_path: Path) -> None:
    """They stream, both ways, four at a time; curl sends and takes them in processes of its own.

    The best of three rounds counts: what the machine does besides only adds.
    Red with a `json.loads` of the whole body in edge/client_connection.py, _take_data.
    """
    text = json.dumps([{"number": number, "text": "x" * 80} for number in range(92_000)]).encode()
    assert 9_500_000 < len(text) < 10 << 20
    (tmp_path / "body.json").write_bytes(text)
    sizes: list[int] = []

    def echo(call: Call) -> None:
        body = call.body()
        sizes.append(len(body))
        call.answer(body, fields=[(b"Content-Type", b"application/json")])

    target = edge.on(echo)
    lags = []
    with edge.client() as small:
        for _ in range(ROUNDS):
            with contextlib.ExitStack() as stack:
                uploads = [
                    stack.enter_context(_upload(edge, target, tmp_path)) for _ in range(UPLOADS)
                ]
                lags.append(latest(small, seconds=1.0))
                outs = [upload.communicate(timeout=30)[0] for upload in uploads]
            assert outs == [b"200 %d\n" % len(text) * 3] * UPLOADS
    assert sizes == [len(text)] * UPLOADS * ROUNDS * 3
    assert min(lags) < LAG, lags


def _upload(one: Stage, target: bytes, folder: Path) -> subprocess.Popen[bytes]:
    """Send the file three times, with curl."""
    url = f"http://127.0.0.1:{one.port}{target.decode()}"
    sending = ["--data-binary", f"@{folder / 'body.json'}", "-H", "Content-Type: application/json"]
    taking = ["-o", "/dev/null", "-w", "%{http_code} %{size_download}\\n"]
    each = ["-s", "-H", "Expect:", *sending, *taking, url]
    command = ["curl", *each, "--next", *each, "--next", *each]
    return subprocess.Popen(command, stdout=subprocess.PIPE)
