"""TLS at a listener: what may be written, and where its mistakes are found."""

import json
from pathlib import Path

import pytest

from tests.helpers.certificates import Folder
from tests.helpers.configuration import complaints, loaded
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.snapshot.model import ListenerTls


def listener(tls: object) -> str:
    return f"listen: [{{address: 'a:443', tls: {json.dumps(tls)}}}]\n"


def compiled(tls: object) -> ListenerTls:
    found = compile_snapshot(loaded(listener(tls)).settings, 1).listeners[0].tls
    assert found is not None
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def both(folder: Folder) -> str:
    """Return a file that holds a certificate and its key."""
    made = folder.issue("a.test")
    path = folder.path / "both.pem"
    path.touch(mode=0o600)
    path.write_bytes(Path(made["certificate"]).read_bytes() + Path(made["key"]).read_bytes())
    return str(path)


def test_certificates_are_compiled_with_their_names(folder: Folder) -> None:
    made = folder.issue("a.test", "b.test", rsa=True)
    (one,) = compiled({"certificates": [made]}).certificates
    assert (one.certificate, one.pem.count(b"-----BEGIN ")) == (made["certificate"], 2)
    assert (one.kind, one.names) == ("RSA", ("a.test", "b.test"))


def test_one_file_may_hold_all_of_it(folder: Folder) -> None:
    file = both(folder)
    written = compiled(file), compiled({"certificates": file}), compiled({"certificates": [file]})
    assert {one.certificates for one in written} == {written[0].certificates}
    (one,) = written[0].certificates
    assert (one.certificate, one.pem.count(b"-----BEGIN ")) == (file, 2)


def test_the_oldest_version_is_1_2(folder: Folder) -> None:
    made = [folder.issue("a.test")]
    assert compiled({"certificates": made}).min_version == "1.2"
    assert compiled({"certificates": made, "min_version": "1.3"}).min_version == "1.3"
    (line,) = complaints(listener({"certificates": made, "min_version": "1.1"}))
    assert "must be one of `1.2`, `1.3`" in line


def test_clients_may_need_certificates(folder: Folder) -> None:
    tls = {"certificates": [folder.issue("a.test")], "client_ca": str(folder.ca)}
    found = compile_snapshot(loaded(listener(tls)).settings, 1)
    assert found.listeners[0].tls
    pem = found.authorities[found.listeners[0].tls.client_ca]
    assert pem == folder.ca.read_bytes()


@pytest.mark.parametrize(
    ("tls", "place", "words"),
    [
        ({"certificates": []}, "certificates", "holds too few"),
        ({}, "certificates", "is missing"),
        ("none.pem", "tls", "cannot be read"),
        ({"certificates": [{"certificate": "none.pem"}]}, "certificate", "cannot be read"),
        ({"certificates": "none.pem", "client_ca": "no"}, "client_ca", "cannot be read"),
    ],
)
def test_a_mistake_is_found_at_its_place(tls: object, place: str, words: str) -> None:
    lines = complaints(listener(tls))
    assert any(place in line.split(": ")[0] and words in line for line in lines), lines


def test_a_key_that_does_not_fit_is_found_at_its_place(folder: Folder) -> None:
    one, other = folder.issue("a.test", file="a"), folder.issue("b.test", file="b")
    text = listener({"certificates": [{"certificate": one["certificate"], "key": other["key"]}]})
    (line,) = complaints(text)
    column = text.index(json.dumps("key")) + 1
    assert line.startswith(f"gateway.yaml:1:{column} listen[0].tls.certificates[0].key: ")
    assert "is not the key of" in line


def test_a_certificate_without_its_key_is_a_mistake(folder: Folder) -> None:
    (line,) = complaints(listener(folder.issue("a.test")["certificate"]))
    assert "holds no private key in PEM" in line


def test_who_speaks_tls_is_not_sent_away(folder: Folder) -> None:
    tls = json.dumps({"certificates": [folder.issue("a.test")]})
    (line,) = complaints(f"listen: [{{address: 'a:1', tls: {tls}, redirect_to_https: true}}]")
    assert "would send clients away who speak TLS already" in line


@pytest.mark.parametrize(("written", "port"), [("true", 443), ("8443", 8443), ("false", 0)])
def test_a_plain_listener_may_send_clients_to_https(written: str, port: int) -> None:
    found = loaded(f"listen: [{{address: '127.0.0.1:1', redirect_to_https: {written}}}]").settings
    assert compile_snapshot(found, 1).listeners[0].redirect_port == port


@pytest.mark.parametrize("written", ["0", "65536", "'yes'", "-1"])
def test_what_is_no_port_is_refused(written: str) -> None:
    (line,) = complaints(f"listen: [{{address: 'a:1', redirect_to_https: {written}}}]")
    assert "must be `true`, `false` or the port of `https://`" in line
