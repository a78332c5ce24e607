"""Signing help lines: what comes out is taken, and what could not be shown is not signed."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from scripts import sign_resources
from tta_gateway.features.safety.resources import NoResources, read
from tta_gateway.support.signature import new_key

GOOD = {"edition": "2026-11-26", "regions": {"US": {"emergency": "911"}}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "lines.json"
    made.write_text(json.dumps({"signed": GOOD}))
    return made


def pem(folder: Path, key: object) -> Path:
    made = folder / "key.pem"
    assert hasattr(key, "private_bytes")
    made.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


def test_an_operator_signs_with_a_key_of_their_own(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sign_resources.main([str(file), "--key", str(pem(tmp_path, new_key()))])
    public = capsys.readouterr().out.split()[-1]
    assert read(file.read_bytes(), key=public).regions["US"].emergency == "911"


def test_the_package_s_file_is_signed_with_a_key_that_is_then_pinned(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "resources.py"
    module.write_text('PINNED: Final = "old"\n')
    monkeypatch.setattr(sign_resources, "FOLDER", tmp_path)
    sign_resources.main([str(file)])
    public = module.read_text().split('"')[1]
    assert read(file.read_bytes(), key=public).edition == "2026-11-26"


def test_another_kind_of_key_is_refused(file: Path, tmp_path: Path) -> None:
    key = pem(tmp_path, generate_private_key(65537, 2048))
    with pytest.raises(TypeError, match="no key of Ed25519"):
        sign_resources.main([str(file), "--key", str(key)])


def test_what_could_not_be_shown_is_not_signed(file: Path) -> None:
    file.write_text(json.dumps({"signed": {**GOOD, "edition": "x"}}))
    with pytest.raises(NoResources):
        sign_resources.signed(file, new_key())
    assert "signature" not in file.read_text()
