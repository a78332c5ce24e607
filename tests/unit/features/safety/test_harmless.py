from tta_gateway.features.safety.harmless import Harmless, digest_of


def test_what_was_harmless_is_known_again() -> None:
    known = Harmless()
    assert not known.has(b"a")
    known.keep(b"a")
    assert known.has(b"a")


def test_what_does_not_come_again_is_forgotten_and_what_does_is_not() -> None:
    known = Harmless(most=2)
    for digest in (b"a", b"b", b"c"):
        known.keep(digest)
    assert known.has(b"a")  # of the generation before, and kept for that
    for digest in (b"d", b"e"):
        known.keep(digest)
    assert [known.has(one) for one in (b"a", b"b", b"e")] == [True, False, True]


def test_an_answer_is_known_by_all_of_it_and_by_its_kind() -> None:
    kinds = (b"", b"text/plain", b"x" * 100)
    digests = {digest_of(data, kind) for data in (b"a", b"b", b"") for kind in kinds}
    assert len(digests) == 9
