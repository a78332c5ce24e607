"""Certificates and keys from memory."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from tests.helpers.certificates import Folder, pem_of
from tests.helpers.descriptors import open_now
from tta_gateway.support.pem import load_authorities, load_pair


def test_a_pair_is_loaded_and_no_file_is_left(certificates: Folder) -> None:
    before = open_now()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(context, pem_of(certificates.server))
    with pytest.raises(ssl.SSLError):
        load_pair(context, b"nothing")
    assert open_now() == before


def test_an_encrypted_key_is_an_error_and_no_question(tmp_path: Path) -> None:
    """OpenSSL would ask at the terminal, and a worker would wait for the answer for ever."""
    made = Folder(tmp_path).issue("a.test")
    locked = _locked(Path(made["key"]).read_bytes())
    pem = Path(made["certificate"]).read_bytes() + locked
    with pytest.raises(OSError, match="PEM lib"):
        load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pem)


def _locked(pem: bytes) -> bytes:
    key = serialization.load_pem_private_key(pem, None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


def test_authorities_are_trusted(certificates: Folder) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    pem = certificates.ca.read_bytes()
    load_authorities(context, pem + pem)
    assert context.get_ca_certs(binary_form=True) == [ssl.PEM_cert_to_DER_cert(pem.decode())]


def test_none_are_trusted_where_there_are_none() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    load_authorities(context, b"")
    assert context.get_ca_certs() == []
