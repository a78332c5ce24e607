"""Expiry: a warning with a place, never a refusal."""

import json
from pathlib import Path

import pytest

from tests.helpers.certificates import Folder
from tests.helpers.configuration import completed, loaded
from tta_gateway.settings.certificate import facts
from tta_gateway.settings.expiry import warnings

DAY = 24 * 3600.0


@pytest.mark.parametrize(
    ("days", "word"),
    [(30.0, ""), (10.0, "expires on "), (-1.0, "has expired on "), (100.0, "is not valid before ")],
)
def test_a_certificate_is_told_of_in_time(tmp_path: Path, days: float, word: str) -> None:
    made = Folder(tmp_path).issue("a.test")
    found = loaded(completed(f"listen: [{{address: 'a:1', tls: {json.dumps(_tls(made))}}}]"))
    now = facts(made["certificate"]).expires - days * DAY
    lines = warnings(found, "gateway.yaml", now=now)
    place = "listen[0].tls.certificates[0].certificate: warning: "
    assert [place in line and word in line for line in lines] == ([True] if word else [])


def test_so_is_what_the_gateway_shows_to_services(tmp_path: Path) -> None:
    made = Folder(tmp_path).issue("a.test", days=-1)
    shown = {"client_certificate": made["certificate"], "client_key": made["key"]}
    service = json.dumps({"endpoints": ["https://a"], **shown})
    found = loaded(completed(f"services: {{players: {service}}}\n"))
    (line,) = warnings(found, "gateway.yaml", now=facts(made["certificate"]).expires)
    assert "services.players.client_certificate: warning: " in line


def _tls(made: dict[str, str]) -> object:
    return {"certificates": [made]}
