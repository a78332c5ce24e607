from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.shield.floor import Bucket, Buckets


@given(
    st.lists(st.floats(0.0, 3.0), max_size=100),
    st.integers(1, 20).map(float),
    st.integers(1, 20).map(float),
)
def test_no_more_passes_than_the_burst_and_the_rate(
    pauses: list[float], rate: float, burst: float
) -> None:
    now, bucket, passed = 100.0, Bucket(rate, burst, 100.0), 0
    for pause in pauses:
        now += pause
        passed += bucket.take(now)
    assert passed <= burst + rate * (now - 100.0) + 1e-6


def test_whoever_keeps_to_the_rate_is_never_refused() -> None:
    bucket = Bucket(2.0, 1.0, 0.0)
    assert all(bucket.take(one * 0.5) for one in range(100))
    assert not bucket.take(49.5)


def test_each_name_has_its_own_and_the_oldest_is_forgotten() -> None:
    buckets = Buckets(1.0, 1.0, 2)
    assert buckets.take("a", 0.0)
    assert not buckets.take("a", 0.0)
    assert buckets.take("b", 0.0)
    assert not buckets.take("a", 0.0)  # and so it is the newest
    assert buckets.take("c", 0.0)
    assert len(buckets) == 2
    assert not buckets.take("a", 0.0)
    assert buckets.take("b", 0.0)
