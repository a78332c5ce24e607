"""Credentials: contexts from a snapshot alone, and which certificate answers to which name."""

import asyncio
import contextlib
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.helpers.certificates import Folder
from tta_gateway.edge.credentials import (
    contexts_aside,
    contexts_of,
    listener_context,
    service_context,
)
from tta_gateway.kernel.route import Service, ServiceTls
from tta_gateway.snapshot.model import Listener, ListenerTls, Snapshot

RSA_ONLY = "ECDHE+aRSA+AESGCM"


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
                folder.compiled("a.test", file="a"),
                folder.compiled("*.wild.test", file="w"),
                folder.compiled("b.wild.test", file="b"),
            )
        )
    )
    asked = ("a.test", "A.TEST", "x.wild.test", "b.wild.test", "x.y.wild.test", "other.test")
    shown = [names_shown(met(context, folder, name, nothing))[0] for name in asked]
    assert shown == ["a.test", "a.test", "*.wild.test", "b.wild.test", "a.test", "a.test"]


def test_who_knows_one_kind_of_key_gets_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    certificates = (
        folder.compiled("a.test", file="e"),
        folder.compiled("a.test", file="r", rsa=True),
        folder.compiled("b.test", file="b"),
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
    one = folder.compiled("a.test", file="a")
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


def test_what_openssl_refuses_is_named(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    one = msgspec.structs.replace(folder.compiled("a.test"), pem=b"nothing")
    with pytest.raises(OSError, match="PEM lib") as caught:
        listener_context(ListenerTls(certificates=(one,)))
    assert caught.value.filename == one.certificate
    with pytest.raises(OSError, match="PEM lib"):
        service_context(ServiceTls(certificate=one.certificate, pem=one.pem, verified=False))


def test_no_file_is_read(tmp_path: Path) -> None:
    """Whatever has become of them: a worker starts, and who should comes in."""
    folder = Folder(tmp_path / "gone")
    one, trusted = folder.compiled("a.test"), folder.trusted()
    (known,) = trusted
    shutil.rmtree(folder.path)
    server = listener_context(ListenerTls(certificates=(one,), client_ca=known), trusted)
    made = ServiceTls(ca=known, certificate=one.certificate, pem=one.pem)
    client = service_context(made, trusted)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(down, up, server_hostname="a.test"),
        server.wrap_bio(up, down, server_side=True),
    )
    for _ in range(3):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    assert [names_shown(end) for end in ends] == [["a.test"], ["a.test"]]


def test_who_trusts_nobody_believes_nobody(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    server = listener_context(ListenerTls(certificates=(folder.compiled("a.test"),)))
    client = service_context(ServiceTls(ca="none"), {"none": b""})
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    made = client.wrap_bio(down, up, server_hostname="a.test")
    other = server.wrap_bio(up, down, server_side=True)
    for end in (made, other):
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        made.do_handshake()


def test_services_that_only_their_names_tell_apart_share_a_context(tmp_path: Path) -> None:
    trusted = Folder(tmp_path).trusted()
    (ca,) = trusted
    spoken = [ServiceTls(ca=ca, server_name=name) for name in ("a.test", "b.test")]
    spoken.append(ServiceTls(verified=False))
    services = tuple(
        Service(name=f"s{number}", endpoints=(), tls=tls) for number, tls in enumerate(spoken)
    )
    snapshot = Snapshot(
        version=1, state_dir="", listeners=(), services=services, routes=(), authorities=trusted
    )
    found = contexts_of(snapshot).services
    one, same, other = (found[tls] for tls in spoken)
    assert (one is same, one is other) == (True, False)


def test_a_snapshot_has_a_context_where_tls_is_spoken(tmp_path: Path) -> None:
    one = Folder(tmp_path).compiled("a.test")
    tls = ListenerTls(certificates=(one,))
    snapshot = Snapshot(
        version=1, state_dir="", listeners=(Listener(), Listener(tls=tls)), services=(), routes=()
    )
    made = asyncio.run(contexts_aside(snapshot))
    assert [context is not None for context in made.listeners] == [False, True]
    assert made.services == {}


def test_what_has_not_changed_keeps_its_context_and_its_sessions(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    old, new = (
        ListenerTls(certificates=(folder.compiled("a.test", file=file),)) for file in ("a", "b")
    )
    services = tuple(
        Service(name=name, endpoints=(), tls=ServiceTls(server_name=name, verified=verified))
        for name, verified in (("one", False), ("other", True))
    )

    def snapshot(*spoken: ListenerTls | None, count: int = 2) -> Snapshot:
        listeners = tuple(Listener(port=443, tls=tls) for tls in spoken)
        return Snapshot(
            version=1, state_dir=".", listeners=listeners, services=services[:count], routes=()
        )

    first = contexts_of(snapshot(old, None, count=1))
    later = asyncio.run(contexts_aside(snapshot(old, new), first))
    assert later.listeners[0] is first.listeners[0]
    assert later.listeners[1] is not first.listeners[0]
    assert [later.services[one] is first.services.get(one) for one in later.services].count(
        True
    ) == len(first.services)
    last = contexts_of(snapshot(new, count=0), later)
    assert (last.listeners, last.services) == ([later.listeners[1]], {})
    assert list(last.spoken) == [new]


def test_without_tls_no_thread_is_asked() -> None:
    snapshot = Snapshot(version=1, state_dir="", listeners=(Listener(),), services=(), routes=())
    work = contexts_aside(snapshot)
    with pytest.raises(StopIteration) as caught:
        work.send(None)
    assert caught.value.value.listeners == [None]
