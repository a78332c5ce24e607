"""What tests of the command line share: a configuration, a state folder, a gateway to ask."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.helpers.command_line import Administration, Became, Running
from tests.helpers.configuration import PLAYERS, ROUTES
from tta_gateway.cli import renew
from tta_gateway.cli import running as asking

CALLED = """\
escalation: {contacts: {team: {webhook: {url: 'https://team.example/', unsigned: a test}}}}
"""
"""Somebody hears of people in need: nothing is left to be warned of."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "gateway.yaml"
    found.write_text(PLAYERS + ROUTES + CALLED)
    return found


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> Became:
    return Became(monkeypatch)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def running(file: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    for module in (renew, asking):
        monkeypatch.setattr(module, "time", SimpleNamespace(sleep=lambda _: None))
    made = Running(file, state)
    with ThreadPoolExecutor(1) as pool:
        serving = pool.submit(made.serve)
        yield made
        made.close(serving)


@pytest.fixture
def administration(monkeypatch: pytest.MonkeyPatch) -> Administration:
    return Administration(monkeypatch)
