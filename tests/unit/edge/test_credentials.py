"""Credentials: contexts from files, and which certificate answers to which name."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.certificates import Folder
from tta_gateway.edge.credentials import contexts_aside, listener_context, service_context
from tta_gateway.kernel.route import ServiceTls
from tta_gateway.snapshot.model import Certificate, Listener, ListenerTls, Snapshot

RSA_ONLY = "ECDHE+aRSA+AESGCM"


def entry(folder: Folder, *names: str, file: str, rsa: bool = False) -> Certificate:
    made = folder.issue(*names, file=file, rsa=rsa)
    return Certificate(**made, kind="RSA" if rsa else "ECDSA", names=names, expires=0)


def met(
    context: ssl.SSLContext, folder: Folder, name: str, client: Callable[[ssl.SSLContext], None]
) -> ssl.SSLObject:
    """Shake hands; return the client's end."""
    theirs = ssl.create_default_context(cafile=folder.ca)
    theirs.check_hostname = False
    client(theirs)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(up, down, server_side=True)
    made = theirs.wrap_bio(down, up, server_hostname=name)
    for _ in range(3):
        for end in (made, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return made


def names_shown(made: ssl.SSLObject) -> list[str]:
    shown = made.getpeercert()
    assert shown
    return [str(pair[1]) for pair in shown["subjectAltName"]]


def nothing(_: ssl.SSLContext) -> None:
    """Leave the client as it is."""


def test_the_name_that_is_asked_for_chooses(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    context = listener_context(
        ListenerTls(
            certificates=(
                entry(folder, "a.test", file="a"),
                entry(folder, "*.wild.test", file="w"),
                entry(folder, "b.wild.test", file="b"),
            )
        )
    )
    asked = ("a.test", "A.TEST", "x.wild.test", "b.wild.test", "x.y.wild.test", "other.test")
    shown = [names_shown(met(context, folder, name, nothing))[0] for name in asked]
    assert shown == ["a.test", "a.test", "*.wild.test", "b.wild.test", "a.test", "a.test"]


def test_who_knows_one_kind_of_key_gets_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    certificates = (
        entry(folder, "a.test", file="e"),
        entry(folder, "a.test", file="r", rsa=True),
        entry(folder, "b.test", file="b"),
    )
    context = listener_context(ListenerTls(certificates=certificates))

    def only_rsa(theirs: ssl.SSLContext) -> None:
        theirs.maximum_version = ssl.TLSVersion.TLSv1_2
        theirs.set_ciphers(RSA_ONLY)

    ciphers = [met(context, folder, "a.test", how).cipher() for how in (nothing, only_rsa)]
    assert [cipher[0][:11] if cipher else None for cipher in ciphers] == [
        "TLS_AES_256",
        "ECDHE-RSA-A",
    ]


@pytest.mark.parametrize(
    ("least", "most", "works"),
    [
        ("1.2", ssl.TLSVersion.TLSv1_2, True),
        ("1.3", ssl.TLSVersion.TLSv1_2, False),
        ("1.3", ssl.TLSVersion.TLSv1_3, True),
    ],
)
def test_no_version_is_spoken_below_the_least(
    tmp_path: Path, least: str, most: ssl.TLSVersion, works: bool
) -> None:
    folder = Folder(tmp_path)
    one = entry(folder, "a.test", file="a")
    context = listener_context(
        ListenerTls(certificates=(one,), min_version=least)  # type: ignore[arg-type]
    )

    def at_most(theirs: ssl.SSLContext) -> None:
        theirs.maximum_version = most

    if works:
        assert met(context, folder, "a.test", at_most).version()
    else:
        with pytest.raises(ssl.SSLError):
            met(context, folder, "a.test", at_most)


def test_a_file_that_is_no_good_is_named(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    one = entry(folder, "a.test", file="a")
    Path(one.certificate).write_text("nothing")
    with pytest.raises(OSError, match="PEM lib") as caught:
        listener_context(ListenerTls(certificates=(one,)))
    assert caught.value.filename == one.certificate
    with pytest.raises(OSError, match="PEM lib"):
        service_context(ServiceTls(certificate=one.certificate, key=one.key))


def test_an_authority_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "ca")
    one = entry(Folder(tmp_path / "x"), "a.test", file="a")
    with pytest.raises(OSError, match="No such file") as caught:
        service_context(ServiceTls(ca=missing))
    assert caught.value.filename == missing
    with pytest.raises(OSError, match="No such file"):
        listener_context(ListenerTls(certificates=(one,), client_ca=missing))


def test_a_snapshot_has_a_context_where_tls_is_spoken(tmp_path: Path) -> None:
    one = entry(Folder(tmp_path), "a.test", file="a")
    tls = ListenerTls(certificates=(one,))
    snapshot = Snapshot(
        version=1, state_dir="", listeners=(Listener(), Listener(tls=tls)), services=(), routes=()
    )
    made = asyncio.run(contexts_aside(snapshot))
    assert [context is not None for context in made.listeners] == [False, True]
    assert made.services == {}


def test_without_tls_no_thread_is_asked() -> None:
    snapshot = Snapshot(version=1, state_dir="", listeners=(Listener(),), services=(), routes=())
    work = contexts_aside(snapshot)
    with pytest.raises(StopIteration) as caught:
        work.send(None)
    assert caught.value.value.listeners == [None]
