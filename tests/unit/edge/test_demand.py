"""Services that must prove a SPIFFE id: in a real handshake, on paper."""

import contextlib
import ssl

import pytest

from tests.helpers.svids import CLIENT, PLAYERS, Authority, Leaf
from tta_gateway.edge.credentials import service_context
from tta_gateway.edge.demand import objection
from tta_gateway.kernel.route import ServiceTls
from tta_gateway.support.pem import load_pair
from tta_gateway.support.svid import names_of

ROOT = Authority(begins=0, ends=4e9)
OTHER = Authority("other", begins=0, ends=4e9)


def lasting(authority: Authority, *uris: str, **more: object) -> Leaf:
    return authority.issue(*uris, begins=0, ends=4e9, **more)  # type: ignore[arg-type]


def shake(leaf: Leaf, demanded: str = PLAYERS, *withdrawn: str) -> None:
    """Shake hands with a service that shows this; ssl.SSLError if the gateway does not want it."""
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(theirs, leaf.pem + leaf.key)
    ours = service_context(
        ServiceTls(ca="root", spiffe_id=demanded, withdrawn=withdrawn), {"root": ROOT.pem}
    )
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ours.wrap_bio(down, up, server_hostname="10.0.0.1")
    server = theirs.wrap_bio(up, down, server_side=True)
    for _ in range(3):
        for end in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    assert client.version() == "TLSv1.3"


def test_a_service_that_proves_the_id_is_spoken_to_whatever_its_host_is_called() -> None:
    shake(lasting(ROOT, PLAYERS))
    shake(lasting(ROOT, PLAYERS, dns=["elsewhere.test"]))


@pytest.mark.parametrize(
    ("leaf", "why"),
    [
        (lasting(ROOT, "spiffe://tta/stories"), "it is of spiffe://tta/stories"),
        (lasting(ROOT, dns=["10.0.0.1"]), "its certificate is of no service"),
        (lasting(ROOT, PLAYERS, "spiffe://tta/b"), "it names 2 URIs"),
        (lasting(OTHER, PLAYERS), "unable to get local issuer certificate"),
        (ROOT.issue(PLAYERS, begins=0, ends=1e9), "certificate has expired"),
        (lasting(ROOT, PLAYERS, purposes=[CLIENT]), "unsuitable certificate purpose"),
    ],
)
def test_any_other_is_refused_as_one_whose_certificate_is_not_good(leaf: Leaf, why: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError) as raised:
        shake(leaf)
    assert why in raised.value.verify_message


def test_one_that_is_withdrawn_proves_nothing() -> None:
    leaf, other = lasting(ROOT, PLAYERS), lasting(ROOT, PLAYERS)
    for name in names_of((leaf.chain[0],)):
        with pytest.raises(ssl.SSLCertVerificationError) as raised:
            shake(leaf, PLAYERS, name)
        assert "its certificate has been withdrawn" in raised.value.verify_message
        shake(other, PLAYERS, name)


def test_no_certificate_is_an_objection() -> None:
    assert objection(None, PLAYERS) == "its certificate is of no service: there is none"
    assert objection(ROOT.issue(PLAYERS).der, PLAYERS) == ""
