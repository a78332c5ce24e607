"""The authorities of the machine, as OpenSSL would find them."""

from pathlib import Path

import pytest

from tests.helpers.certificates import Folder
from tta_gateway.settings.machine import authorities


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that OpenSSL is told to look into."""
    made = tmp_path / "certs"
    made.mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(made))
    return made


def authority(tmp_path: Path, name: str) -> str:
    return Folder(tmp_path / name).ca.read_text()


def test_file_and_folder_are_read_and_each_authority_is_held_once(
    tmp_path: Path, place: Path
) -> None:
    a, b = authority(tmp_path, "a"), authority(tmp_path, "b")
    (tmp_path / "bundle.pem").write_text(f"# König\n{a}{b}")
    (place / "0123abcd.0").write_text(a)
    assert authorities().decode() == "".join(sorted((a, b)))


def test_what_openssl_does_not_look_at_or_take_is_left_out(tmp_path: Path, place: Path) -> None:
    a, b = authority(tmp_path, "a"), authority(tmp_path, "b")
    (place / "0123abcd.0").write_text(a)
    (place / "readable.pem").write_text(b)
    (place / "0123abcd.1").symlink_to(tmp_path / "gone")
    broken = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
    (place / "0123abcd.2").write_text(broken.format("AAAA") + broken.format("A"))
    assert authorities().decode() == a


def test_a_machine_may_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    assert authorities() == b""
