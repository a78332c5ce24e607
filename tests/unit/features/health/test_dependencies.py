"""What becomes of services whose dependencies are unhealthy."""

from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.health.bound import Need
from tta_gateway.features.health.dependencies import Verdict, needed, verdicts

NAMES = "abcdefg"
HARD, SOFT = "hard", "soft"


def needs(**written: str) -> dict[str, tuple[Need, ...]]:
    """`a="b c?"`: a needs b, and does without c."""
    return {
        name: tuple(
            Need(service=one.rstrip("?"), kind="soft" if one.endswith("?") else "hard")
            for one in text.split()
        )
        for name, text in written.items()
    }


def judged(down: str, **written: str) -> dict[str, Verdict]:
    alive = {name: name not in down for name in "abcd"}
    return verdicts(alive, needs(**written))


def test_what_needs_nothing_is_as_its_endpoints_are() -> None:
    found = judged("a")
    assert (found["a"], found["b"]) == (Verdict("unhealthy"), Verdict("healthy"))
    assert (found["a"].cause, found["b"].cause) == ("none of its endpoints is up", "")


def test_what_cannot_do_without_an_unhealthy_one_is_unhealthy() -> None:
    found = judged("b", a="b c")
    assert found["a"] == Verdict("unhealthy", ("b",))
    assert found["a"].cause == "needs `b`, which is unhealthy"


def test_so_is_what_needs_that_one() -> None:
    found = judged("d", a="b", b="c", c="d")
    assert [found[one].down for one in "abc"] == [("b",), ("c",), ("d",)]


def test_what_can_do_without_it_is_degraded() -> None:
    found = judged("b", a="b? c?")
    assert found["a"] == Verdict("degraded", (), ("b",))
    assert found["a"].cause == "does without `b`"


def test_what_a_hard_dependency_does_without_is_lacking_above_too() -> None:
    found = judged("d", a="b c", b="d?", c="d?")
    assert found["a"] == Verdict("degraded", (), ("d",))


def test_what_a_soft_dependency_does_without_is_not() -> None:
    assert judged("c", a="b?", b="c?")["a"] == Verdict("healthy")


def test_what_nobody_knows_is_taken_for_healthy() -> None:
    assert judged("", a="elsewhere")["a"] == Verdict("healthy")


def test_all_that_is_needed_is_found_whatever_lies_between() -> None:
    found = needed(needs(a="b c?", b="d", c="d"))
    assert found["a"] == {"b", "d"}
    assert (found["c"], found["d"]) == (frozenset("d"), frozenset())


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, bool], dict[str, tuple[Need, ...]]]:
    """Services that need only those behind them, so that there is no circle."""
    alive = {name: draw(st.booleans()) for name in NAMES}
    edges = {
        name: tuple(
            Need(service=other, kind=draw(st.sampled_from((HARD, SOFT))))
            for other in draw(st.sets(st.sampled_from(NAMES[at + 1 :])))
        )
        for at, name in enumerate(NAMES[:-1])
    }
    return alive, edges


@given(graphs())
def test_a_service_is_healthy_only_if_all_it_needs_is(
    graph: tuple[dict[str, bool], dict[str, tuple[Need, ...]]],
) -> None:
    alive, edges = graph
    found = verdicts(alive, edges)
    above = needed(edges)
    for name in NAMES:
        well = alive[name] and all(alive[one] for one in above.get(name, ()))
        assert (found[name].state != "unhealthy") == well
        assert bool(found[name].down) == any(
            found[one.service].state == "unhealthy" and one.kind == "hard"
            for one in edges.get(name, ())
        )
        assert all(found[one].state == "unhealthy" for one in found[name].degraded)
