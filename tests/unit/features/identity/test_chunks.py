"""Revocations in chunks: what is new changes the last one alone."""

from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.identity.bound import RevokedTokens
from tta_gateway.features.identity.chunks import Chunks, section
from tta_gateway.features.identity.store import Revocation

NOW = 10_000.0


def session(name: str, until: float = NOW + 60.0) -> Revocation:
    return Revocation("session", name, NOW, until)


def subject(name: str, before: float, until: float = NOW + 60.0) -> Revocation:
    return Revocation("subject", name, before, until)


def test_each_kind_is_told_as_it_is() -> None:
    chunks = Chunks()
    assert chunks.add([session("s"), subject("u", NOW)], now=NOW) == {0}
    assert chunks.told(0) == RevokedTokens(
        sessions={"s": NOW + 60.0}, subjects={"u": (NOW, NOW + 60.0)}
    )
    assert chunks.told(1) is None
    assert (len(chunks), chunks.names) == (2, {section(0)})


def test_what_is_known_or_over_changes_nothing() -> None:
    chunks = Chunks()
    chunks.add([session("s"), subject("u", NOW)], now=NOW)
    again = [session("s"), subject("u", NOW), subject("u", NOW - 5.0), session("x", NOW - 1.0)]
    assert chunks.add(again, now=NOW) == set()


def test_a_subject_whose_time_moves_on_is_told_again() -> None:
    chunks = Chunks(most=1)
    chunks.add([subject("u", NOW)], now=NOW)
    assert chunks.add([subject("u", NOW + 1.0)], now=NOW) == {1}
    told = chunks.told(1)
    assert told is not None
    assert told.subjects["u"][0] == NOW + 1.0


def test_a_full_chunk_never_changes_again() -> None:
    chunks = Chunks(most=2)
    for number in range(4):
        assert chunks.add([session(f"s{number}")], now=NOW) == {number // 2}


def test_chunks_go_when_all_in_them_is_over() -> None:
    chunks = Chunks(most=2)
    chunks.add([session("a", NOW + 1), session("b", NOW + 9), session("c", NOW + 2)], now=NOW)
    assert chunks.expire(NOW + 5) == {1}
    assert chunks.expire(NOW + 10) == {0}
    assert (len(chunks), chunks.names) == (0, set())
    assert chunks.add([session("a", NOW + 90)], now=NOW + 10) == {1}


def test_what_has_been_told_anew_outlives_its_old_chunk() -> None:
    chunks = Chunks(most=1)
    chunks.add([subject("u", NOW, NOW + 1)], now=NOW)
    chunks.add([subject("u", NOW + 1, NOW + 9)], now=NOW)
    chunks.expire(NOW + 5)
    assert chunks.add([subject("u", NOW + 1, NOW + 9)], now=NOW + 5) == set()
    assert len(chunks) == 1


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(1.0, 50.0), st.floats(0.0, 9.0))))
def test_nothing_is_lost_before_it_is_over(told: list[tuple[int, float, float]]) -> None:
    chunks, now, last = Chunks(most=3), NOW, dict[str, float]()
    for number, lasts, pause in told:
        now += pause
        one = Revocation("session", f"s{number}", now, now + lasts)
        chunks.add([one], now=now)
        chunks.expire(now)
        last[one.value] = max(now + lasts, last.get(one.value, 0.0))
        known: dict[str, float] = {}
        for at in range(200):
            found = chunks.told(at)
            for name, until in () if found is None else found.sessions.items():
                known[name] = max(until, known.get(name, 0.0))
        for name, until in last.items():
            assert until < now or known[name] >= until
