"""Credentials: TLS contexts from what a snapshot holds; no file is read.

TLS 1.2 and 1.3, with forward secrecy and authenticated ciphers alone.  A session is resumed at the
worker that made it: Python has no way to share the keys of session tickets.  Where services prove
who they are, none is: what a session keeps of its client would outlive the authority.  TLS 1.2
would resume all the same (Python cannot turn that off), so that 1.3 alone is spoken there.
What reads the certificates of services is imported where a context wants it, before anybody comes.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from tta_gateway.kernel.route import ServiceTls
from tta_gateway.snapshot.model import Certificate, ListenerTls, Snapshot
from tta_gateway.support.pem import load_authorities, load_pair
from tta_gateway.wire.server_name import offers, pattern

_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; those of 1.3 are all of this kind
_PROTOCOLS: Final = ["http/1.1"]
NOTHING: Final[Mapping[str, bytes]] = {}
_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class Contexts:
    """What a snapshot asks for: a context for each listener that speaks TLS, and each service.

    `spoken` are those of the listeners by what they are made of; `trusted` are what the authorities
    of each listener are known by, where services prove who they are.
    """

    listeners: list[ssl.SSLContext | None]
    services: dict[ServiceTls, ssl.SSLContext]
    spoken: dict[ListenerTls, ssl.SSLContext]
    trusted: list[frozenset[bytes] | None]


NONE: Final = Contexts([], {}, {}, [])


def contexts_of(snapshot: Snapshot, before: Contexts = NONE) -> Contexts:
    """Return every context; OSError (ssl.SSLError among them) if OpenSSL refuses something.

    Those that were there `before` stay, with the sessions that clients can resume.  It takes a
    while: see `contexts_aside`.
    """
    trusted = snapshot.authorities
    spoken: dict[ListenerTls, ssl.SSLContext] = {}
    for listener in snapshot.listeners:
        tls = listener.tls
        if tls is not None and tls not in spoken:
            known = before.spoken.get(tls)
            spoken[tls] = listener_context(tls, trusted) if known is None else known
    named = [one.tls for one in snapshot.services if one.tls is not None]
    return Contexts(
        [None if one.tls is None else spoken[one.tls] for one in snapshot.listeners],
        _of_services(named, trusted, before.services),
        spoken,
        [_believed(one.tls, trusted) for one in snapshot.listeners],
    )


def _believed(tls: ListenerTls | None, trusted: Mapping[str, bytes]) -> frozenset[bytes] | None:
    """Return what authorities are known by whose services are believed; None where none are."""
    if tls is None or not tls.proves:
        return None
    from tta_gateway.support.svid import authorities

    return authorities(trusted[tls.client_ca])


def _of_services(
    spoken: list[ServiceTls],
    trusted: Mapping[str, bytes],
    before: Mapping[ServiceTls, ssl.SSLContext],
) -> dict[ServiceTls, ssl.SSLContext]:
    """Return a context for each, the same one for those that only their names tell apart.

    All the authorities of a machine take a megabyte in each.
    """
    made: dict[ServiceTls, ssl.SSLContext] = {}
    for tls in spoken:
        nameless = msgspec.structs.replace(tls, server_name="")
        if nameless not in made:
            known = before.get(nameless)
            made[nameless] = service_context(nameless, trusted) if known is None else known
        made[tls] = made[nameless]
    return made


async def contexts_aside(snapshot: Snapshot, before: Contexts = NONE) -> Contexts:
    """Return them as well, without holding the loop up."""
    spoken = [*(one.tls for one in snapshot.listeners), *(one.tls for one in snapshot.services)]
    if spoken.count(None) == len(spoken):
        return contexts_of(snapshot)
    return await asyncio.to_thread(contexts_of, snapshot, before)


def listener_context(tls: ListenerTls, trusted: Mapping[str, bytes] = NOTHING) -> ssl.SSLContext:
    """Return the context of a listener; OSError (ssl.SSLError among them) if OpenSSL refuses it.

    It answers for names that no certificate has with the first of them.
    """
    made: dict[tuple[int, ...], ssl.SSLContext] = {}
    by_name: dict[str, ssl.SSLContext] = {}
    certificates = tls.certificates
    for name, places in offers([(one.kind, one.names) for one in certificates]).items():
        if places not in made:
            made[places] = _context(tls, [certificates[place] for place in places], trusted)
        by_name[name] = made[places]
    context = by_name[""]
    if len(made) > 1:
        context.sni_callback = _chooser(by_name)
    return context


def _context(
    tls: ListenerTls, certificates: list[Certificate], trusted: Mapping[str, bytes]
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.min_version]
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(_PROTOCOLS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    for one in certificates:
        _load(context, one.pem, one.certificate)
    if tls.client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        load_authorities(context, trusted[tls.client_ca])
    if tls.proves:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    return context


def _chooser(
    by_name: Mapping[str, ssl.SSLContext],
) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], None]:
    """Return what takes the certificates of the name that is asked for."""

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name:
            asked = name.lower()
            context = by_name.get(asked) or by_name.get(pattern(asked))
            if context is not None:
                connection.context = context

    return choose


def service_context(tls: ServiceTls, trusted: Mapping[str, bytes] = NOTHING) -> ssl.SSLContext:
    """Return the context of a service; OSError (ssl.SSLError among them) if OpenSSL refuses it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(_PROTOCOLS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if tls.verified:
        load_authorities(context, trusted.get(tls.ca, b""))  # none: nobody is believed
        if tls.spiffe_id:
            from tta_gateway.edge.demand import demand

            demand(context, tls.spiffe_id, frozenset(tls.withdrawn))
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.pem:
        _load(context, tls.pem, tls.certificate)
    return context


def _load(context: ssl.SSLContext, pem: bytes, file: str) -> None:
    """Load a certificate with its key; an error gets the name of the file that they were in."""
    try:
        load_pair(context, pem)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), file) from error
