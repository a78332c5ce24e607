"""What a service shows of itself: read again when it has been renewed."""

import ssl
from pathlib import Path

import pytest

from tests.helpers.svids import PLAYERS, Authority
from tta_gateway.client import Credentials, register
from tta_gateway.client.link import Link

ROOT = Authority()


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    """A service's, in files."""
    (tmp_path / "ca.pem").write_bytes(ROOT.pem)
    certificate, key = ROOT.issue(PLAYERS).write(tmp_path, "players")
    return Credentials(certificate, key, ca=tmp_path / "ca.pem")


def test_they_are_read_once_until_the_files_are_others(
    credentials: Credentials, tmp_path: Path
) -> None:
    first = credentials.context()
    assert credentials.context() is first
    ROOT.issue(PLAYERS).write(tmp_path, "players")
    second = credentials.context()
    assert second is not first
    assert credentials.context() is second


def test_while_they_are_being_written_those_before_count(
    credentials: Credentials, tmp_path: Path
) -> None:
    first = credentials.context()
    certificate = tmp_path / "players.pem"
    for broken in (b"", ROOT.issue(PLAYERS).pem):  # half a file; the certificate of another key
        certificate.write_bytes(broken)
        assert credentials.context() is first
    certificate.unlink()
    assert credentials.context() is first


def test_what_was_never_good_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Credentials(tmp_path / "nothing.pem").context()


def test_one_file_may_hold_both(tmp_path: Path) -> None:
    leaf = ROOT.issue(PLAYERS)
    file = tmp_path / "both.pem"
    file.write_bytes(leaf.pem + leaf.key)
    assert isinstance(Credentials(file).context(), ssl.SSLContext)


def test_a_link_speaks_by_them(credentials: Credentials) -> None:
    link = Link("https://localhost:1", tls=credentials, patience=1.0)
    assert link.is_encrypted
    assert link._context() is credentials.context()
    assert not Link("http://localhost:1", tls=credentials, patience=1.0).is_encrypted


@pytest.mark.parametrize("gateway", ["http://127.0.0.1:1", "unix:/run/inside.sock"])
def test_who_registers_shows_something(gateway: str, credentials: Credentials) -> None:
    for tls in (None, credentials):
        with pytest.raises(ValueError, match="who registers shows"):
            register("players", url="http://127.0.0.1:1", gateway=gateway, tls=tls)
