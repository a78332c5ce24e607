"""Asks a gateway's administration, as an operator with the token would."""

import http.client
import json
from pathlib import Path
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

from tests.helpers.clients import PATIENCE
from tests.helpers.slow import wait_until

_TOKEN: Final = "admin.token"


class Admin:
    """The administration of one gateway."""

    def __init__(self, port: int, state: Path) -> None:
        self._port = port
        self._state = state

    def token(self) -> str:
        """The token, once it has been made."""
        path = self._state / _TOKEN
        assert wait_until(lambda: path.exists() and path.read_text() != "")
        return path.read_text().strip()

    def ask(
        self, path: str, *, method: str = "GET", token: str | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask; return status, fields and body."""
        shown = self.token() if token is None else token
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            connection.request(method, path, headers={"authorization": f"Bearer {shown}"})
            answer = connection.getresponse()
            fields = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, fields, answer.read()
        finally:
            connection.close()

    def told(self, path: str, *, method: str = "GET") -> dict[str, Any]:
        """Ask for JSON."""
        told: dict[str, Any] = json.loads(self.ask(path, method=method)[2])
        return told

    def samples(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """Every number of `/metrics`, by its name and its label values in the order of names."""
        text = self.ask("/metrics")[2].decode()
        return {
            (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def counters(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """The numbers that must never go back."""
        ends = ("_total", "_count", "_bucket", "_sum")
        return {key: value for key, value in self.samples().items() if key[0].endswith(ends)}
