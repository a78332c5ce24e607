"""Credentials: what the files hold is in the snapshot, each lot of authorities once."""

import json
from pathlib import Path

import pytest

from tests.helpers.certificates import Folder
from tests.helpers.configuration import completed, loaded
from tta_gateway.kernel.errors import ConfigError
from tta_gateway.kernel.route import ServiceTls
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.tree import Settings
from tta_gateway.snapshot.encode import encode
from tta_gateway.snapshot.model import Snapshot


def settings(*services: dict[str, object]) -> Settings:
    names = ("players", "second", "third")
    written = {
        name: {"endpoints": [f"https://{name}"], **one}
        for name, one in zip(names, services, strict=False)
    }
    return loaded(completed(f"services: {json.dumps(written)}\n")).settings


def spoken(*services: dict[str, object]) -> tuple[Snapshot, list[ServiceTls]]:
    """Return what becomes of services that are spoken to with TLS."""
    snapshot = compile_snapshot(settings(*services), 1)
    return snapshot, [one.tls for one in snapshot.services if one.tls is not None]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_authorities_are_held_once_whoever_names_them(folder: Folder) -> None:
    other = folder.path / "other.pem"
    other.write_bytes(folder.ca.read_bytes())
    named: list[dict[str, object]] = [{"ca": str(file)} for file in (folder.ca, folder.ca, other)]
    snapshot, found = spoken(*named)
    ((digest, pem),) = snapshot.authorities.items()
    assert [one.ca for one in found] == [digest] * 3
    assert pem == folder.ca.read_bytes()


def test_who_names_none_trusts_those_of_the_machine(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(folder.ca))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder.path / "none"))
    snapshot, (one,) = spoken({})
    assert snapshot.authorities[one.ca] == folder.ca.read_bytes()


def test_a_store_brings_its_authorities_along(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(folder.ca))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder.path / "none"))
    other = Folder(folder.path, authority="other.pem")
    text = f"valkey_url: rediss://h?ca={other.ca}\ncache_url: rediss://i\n"
    snapshot = compile_snapshot(loaded(text).settings, 1)
    assert snapshot.state is not None
    assert snapshot.cache is not None
    assert snapshot.state.login.authorities == other.ca.read_bytes()
    assert snapshot.cache.login.authorities == folder.ca.read_bytes()


def test_who_is_not_verified_needs_none() -> None:
    snapshot, (one,) = spoken({"verification": {"mode": "off", "reason": "a test"}})
    assert (one.ca, one.verified, snapshot.authorities) == ("", False, {})


def test_other_certificates_at_the_same_paths_make_another_service(folder: Folder) -> None:
    def found() -> ServiceTls:
        made = folder.issue("a.test")
        shown = {"client_certificate": made["certificate"], "client_key": made["key"]}
        return spoken({"ca": str(folder.ca), **shown})[1][0]

    before = found()
    assert before.pem.count(b"-----BEGIN ") == 2
    after = found()
    assert after != before
    assert after.ca == before.ca
    Folder(folder.path)
    assert found().ca != before.ca


def test_a_file_that_changes_while_it_is_read_is_a_mistake_and_no_fault(folder: Folder) -> None:
    found = settings({"ca": str(folder.ca)})
    folder.ca.write_text("half a fi")
    with pytest.raises(ConfigError, match=r"holds no certificate .* a moment ago; try again"):
        compile_snapshot(found, 1)


def test_so_is_a_certificate_of_a_listener(folder: Folder) -> None:
    tls = json.dumps({"certificates": [folder.issue("a.test")]})
    found = loaded(f"listen: [{{address: 'a:443', tls: {tls}}}]\n").settings
    (folder.path / "server.pem.key").unlink()
    with pytest.raises(ConfigError, match="No such file or directory: it has changed since"):
        compile_snapshot(found, 1)


def test_no_key_is_shown_by_what_holds_it(folder: Folder) -> None:
    made = folder.issue("a.test")
    shown = {"client_certificate": made["certificate"], "client_key": made["key"]}
    services = json.dumps({"players": {"endpoints": ["https://a"], **shown}})
    tls = json.dumps({"certificates": [made]})
    text = f"listen: [{{address: 'a:443', tls: {tls}}}]\nservices: {services}\n"
    snapshot = compile_snapshot(loaded(text).settings, 1)
    assert encode(snapshot).count(b"BEGIN PRIVATE KEY") == 2
    assert "PRIVATE KEY" not in repr(snapshot)
