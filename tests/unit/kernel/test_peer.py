from tta_gateway.kernel.peer import Peer, Shown, Trust


def test_a_peer_remembers_no_way_at_first() -> None:
    assert Peer("192.0.2.1", port=1, scheme=b"http", trusted=False).way == (b"", b"")


def test_a_peer_shows_nothing_at_first_and_what_it_shows_proves_nothing_yet() -> None:
    assert Peer("192.0.2.1", port=1, scheme=b"http", trusted=False).shown is None
    trust = Trust(frozenset((b"a",)))
    shown = Shown((b"leaf", b"root"), trust)
    assert (shown.chain, shown.trust, shown.proof) == ((b"leaf", b"root"), trust, None)
    assert not shown.parting
