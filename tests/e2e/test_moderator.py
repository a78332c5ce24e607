"""A moderator outside, over real sockets: it raises what the gateway's own eyes have not seen."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.edge.stage import scripted, stage
from tests.e2e.test_safety import FAIR, Service, reports, say
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e
INTENT = {"results": [{"flagged": True, "categories": {"self-harm/intent": True}}]}


class Outside:
    """A server of `/v1/moderations`; it answers when it is let."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, object]] = []
        self.lets = threading.Event()


@contextmanager
def outside() -> Iterator[tuple[str, Outside]]:
    """Run one."""
    made = Outside()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            made.asked.append((self.path, self.headers["authorization"], body))
            made.lets.wait(20.0)
            said = json.dumps(INTENT).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/moderations", made
    finally:
        made.lets.set()
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_moderator_raises_a_level_and_no_answer_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("kanarie-key")
    with (
        outside() as (url, moderator),
        scripted() as upstream,
        stage(
            tmp_path,
            upstream=upstream,
            services={"up": {"endpoints": [upstream.url]}},
            routes=[{"path": "/{rest:path}", "service": "up", "auth": "none"}],
            journal={"in_memory": "allow"},
            safety={"moderator": {"url": url, "key": {"file": str(tmp_path / "key")}}},
        ) as one,
    ):
        answer = say(one, one.on(Service()), FAIR)
        assert answer.status == 200  # the moderator has not said a word yet
        correlation = answer.value(b"x-request-id")
        assert reports(one, correlation) == []
        assert wait_until(lambda: len(moderator.asked) == 1)
        moderator.lets.set()
        assert wait_until(lambda: bool(reports(one, correlation)))
        ((report, words),) = reports(one, correlation)
        assert (report.level, report.categories, words) == (2, ("suicide",), FAIR)
        path, key, body = moderator.asked[0]
        assert (path, key, body) == ("/v1/moderations", "Bearer kanarie-key", {"input": FAIR})
