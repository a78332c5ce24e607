"""`tta-gateway pki`, as somebody types it."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tta_gateway.cli.entry import main


def typed(*words: str) -> Result:
    return CliRunner().invoke(main, ["pki", *words])


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an authority."""
    monkeypatch.chdir(tmp_path)
    assert typed("init").exit_code == 0
    return tmp_path / "pki"


def test_from_an_authority_to_a_service(made: Path) -> None:
    told = typed("issue", "--service", "prod/players", "--dns", "localhost", "--ip", "127.0.0.1")
    assert told.exit_code == 0, told.output
    assert "pki/prod-players.pem  spiffe://tta/prod/players" in told.output
    assert (made / "prod-players.key").exists()
    shown = typed("show", "pki/prod-players.pem", "pki/ca.pem")
    assert "proves   spiffe://tta/prod/players" in shown.output


def test_it_is_renewed_where_that_is_said(made: Path) -> None:
    assert made.exists()
    assert typed("issue", "--service", "players").exit_code == 0
    refused = typed("issue", "--service", "players")
    assert (refused.exit_code, "--renew" in refused.output) == (1, True)
    assert typed("issue", "--service", "players", "--renew", "--days", "1").exit_code == 0


def test_what_cannot_be_done_ends_with_the_reason(made: Path) -> None:
    assert made.exists()
    for words, reason in (
        (("init",), "is not overwritten"),
        (("issue", "--service", "x", "--dns", "example.org"), "not a name for development"),
        (("issue", "--service", "../x"), "between slashes"),
        (("show", "nothing.pem"), "cannot be read"),
    ):
        told = typed(*words)
        assert (told.exit_code, reason in told.output) == (1, True), told.output
    assert typed("issue", "--service", "x", "--days", "91").exit_code == 2
