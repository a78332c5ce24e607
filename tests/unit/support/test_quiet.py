"""What is said again and again is said now and then."""

from tta_gateway.support.quiet import MOST, Quiet


def test_the_same_is_said_once_in_a_while_and_something_else_at_once() -> None:
    quiet = Quiet(60.0)
    story = [("a", 0.0), ("a", 1.0), ("b", 1.0), ("a", 59.9), ("a", 60.0), ("a", 61.0)]
    said = [quiet.is_due(word, now=now) for word, now in story]
    assert said == [True, False, True, False, True, False]


def test_the_first_is_said_at_any_time() -> None:
    assert Quiet(60.0).is_due("a", now=0.0)


def test_so_much_is_remembered_and_the_oldest_forgotten() -> None:
    quiet = Quiet(60.0)
    for number in range(MOST + 500):
        assert quiet.is_due("endpoint", str(number), now=float(number) / 1000)
    assert len(quiet) == MOST
    assert not quiet.is_due("endpoint", str(MOST + 499), now=2.0)
    assert quiet.is_due("endpoint", "0", now=2.0)
