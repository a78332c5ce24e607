from tta_gateway.kernel.peer import Peer


def test_a_peer_remembers_no_way_at_first() -> None:
    assert Peer("192.0.2.1", port=1, scheme=b"http", trusted=False).way == (b"", b"")
