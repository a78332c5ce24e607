"""Who is behind certificates, and why nobody is."""

import pytest

from tests.helpers.svids import DAY, NOW, PLAYERS, Authority
from tta_gateway.features.callers.algorithm import Fault, judge, read
from tta_gateway.kernel.principal import MTLS, Principal
from tta_gateway.support.svid import authority, names_of

ROOT = Authority()
OTHER = Authority("other")
KNOWN = {PLAYERS: frozenset(("service",))}
TRUSTED = frozenset((authority(ROOT.der),))
CHAIN = ROOT.issue(PLAYERS).chain


def proved(
    chain: tuple[bytes, ...],
    authorities: frozenset[bytes] = TRUSTED,
    now: float = NOW,
    withdrawn: frozenset[str] = frozenset(),
) -> Principal | Fault:
    papers = read(chain)
    if isinstance(papers, Fault):
        return papers
    return judge(papers, authorities=authorities, known=KNOWN, withdrawn=withdrawn, now=now)


def test_a_service_is_known_by_its_id_in_the_roles_that_the_operator_says() -> None:
    found = proved(CHAIN)
    assert found == Principal(
        subject=PLAYERS, issuer=MTLS, roles=frozenset(("service",)), expires=NOW + DAY
    )


@pytest.mark.parametrize(
    ("chain", "fault"),
    [
        ((), Fault.MISSING),
        (ROOT.issue(dns=["players"]).chain, Fault.UNFIT),
        (ROOT.issue("spiffe://tta/strangers").chain, Fault.UNKNOWN),
        (ROOT.issue("spiffe://atta/players").chain, Fault.UNKNOWN),
        (ROOT.issue(PLAYERS, ends=NOW).chain, Fault.EXPIRED),
        (ROOT.issue(PLAYERS, begins=NOW + 1).chain, Fault.EARLY),
        (OTHER.issue(PLAYERS).chain, Fault.WITHDRAWN),
    ],
)
def test_others_are_nobody(chain: tuple[bytes, ...], fault: Fault) -> None:
    assert proved(chain) is fault


def test_one_that_is_withdrawn_counts_no_more_and_others_of_the_same_service_do() -> None:
    between = Authority("between", above=ROOT)
    ours, next_one = between.issue(PLAYERS).chain, between.issue(PLAYERS).chain
    for name in names_of(ours[:1]):
        assert proved(ours, withdrawn=frozenset((name, "0"))) is Fault.REVOKED
        assert isinstance(proved(next_one, withdrawn=frozenset((name,))), Principal)
    for name in names_of((between.der,)):  # with its authority all end that it has issued
        assert proved(next_one, withdrawn=frozenset((name,))) is Fault.REVOKED
    assert isinstance(proved(ours, withdrawn=frozenset(("1", "ab"))), Principal)


def test_it_ends_with_the_first_certificate_of_the_chain_that_does() -> None:
    between = Authority("between", above=ROOT, ends=NOW + 5)
    chain = between.issue(PLAYERS).chain
    assert isinstance(proved(chain, now=NOW + 4.9), Principal)
    assert proved(chain, now=NOW + 5) is Fault.EXPIRED


def test_an_authority_that_is_withdrawn_ends_belief_and_one_that_is_added_does_not() -> None:
    both = TRUSTED | {authority(OTHER.der)}
    assert isinstance(proved(CHAIN, both), Principal)
    assert proved(CHAIN, frozenset((authority(OTHER.der),))) is Fault.WITHDRAWN
    assert proved(CHAIN, frozenset()) is Fault.WITHDRAWN
