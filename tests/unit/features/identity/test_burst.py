"""Bursts of failed logins: told once they are many, now and then, and never by name."""

from tta_gateway.features.identity.burst import EACH, LASTS, MANY, WITHIN, Burst, Bursts

HERE, THERE = b"\x11" * 32, b"\x22" * 32


def fail(
    bursts: Bursts, count: int, *, begun: float, each: float = 0.0, origin: bytes = HERE
) -> list[Burst]:
    """Have so many logins fail, each for another name; return what was told."""
    told = [
        bursts.failed(b"%d" % number, origin, now=begun + number * each) for number in range(count)
    ]
    return [one for one in told if one is not None]


def test_a_few_are_none() -> None:
    assert fail(Bursts(), MANY - 1, begun=1000.0) == []


def test_as_many_in_a_longer_time_are_none() -> None:
    assert fail(Bursts(), 10 * MANY, begun=1000.0, each=WITHIN / (MANY - 2)) == []


def test_it_is_told_once_with_counts_and_what_stands_for_addresses() -> None:
    bursts = Bursts()
    assert fail(bursts, 9, begun=1000.0, origin=THERE) == []
    (burst,) = fail(bursts, MANY, begun=1001.0, each=0.01)
    assert burst == Burst(failed=MANY, names=MANY - 9, addresses=2, most_from=("11" * 6, "22" * 6))


def test_one_that_lasts_is_told_again_now_and_then_with_all_that_have_failed() -> None:
    told = fail(Bursts(), 6000, begun=1000.0, each=0.01)
    assert [one.failed for one in told] == [40, 1540, 3040, 4540]
    assert EACH == 0.01 * 1500


def test_the_next_one_counts_anew() -> None:
    bursts = Bursts()
    fail(bursts, 500, begun=1000.0)
    (burst,) = fail(bursts, MANY, begun=1000.0 + LASTS + 1.0)
    assert burst.failed == MANY
