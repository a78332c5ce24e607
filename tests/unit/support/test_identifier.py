import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.fake_clock import FakeClock
from tta_gateway.support.identifier import REQUEST_ID, TRACEPARENT, Identifiers


def some_uuids(count: int, clock: FakeClock | None = None) -> list[bytes]:
    identifiers = Identifiers((clock or FakeClock()).wall)
    return [identifiers.uuid7() for _ in range(count)]


def test_an_id_is_a_uuid_in_its_usual_form() -> None:
    made = some_uuids(1)[0].decode()
    assert str(uuid.UUID(made)) == made


def test_every_id_has_version_7_and_the_variant_of_the_rfc() -> None:
    kinds = {(one.version, one.variant) for one in map(_uuid, some_uuids(3000))}
    assert kinds == {(7, uuid.RFC_4122)}


def _uuid(text: bytes) -> uuid.UUID:
    return uuid.UUID(text.decode())


def test_an_id_begins_with_its_millisecond() -> None:
    made = some_uuids(1, FakeClock(wall=1_700_000_000.123))[0]
    assert _uuid(made).int >> 80 == 1_700_000_000_123


def test_a_hundred_thousand_ids_of_one_millisecond_differ() -> None:
    assert len(set(some_uuids(100_000))) == 100_000


@given(steps=st.lists(st.floats(0.002, 1e6), min_size=1, max_size=10))
def test_ids_sort_by_their_millisecond(steps: list[float]) -> None:
    clock = FakeClock()
    identifiers = Identifiers(clock.wall)
    made = []
    for step in steps:
        made.append(identifiers.uuid7())
        clock.advance(step)
    assert made == sorted(made)


def test_an_id_of_ours_is_one_that_we_would_take() -> None:
    assert REQUEST_ID.fullmatch(some_uuids(1)[0])


def test_a_new_trace_is_one_that_we_would_continue() -> None:
    assert TRACEPARENT.fullmatch(Identifiers(FakeClock().wall).traceparent())


def test_a_new_trace_is_not_sampled() -> None:
    assert Identifiers(FakeClock().wall).traceparent().endswith(b"-00")


def test_no_two_traces_share_an_id() -> None:
    identifiers = Identifiers(FakeClock().wall)
    traces = [identifiers.traceparent() for _ in range(5000)]
    assert len({one[3:35] for one in traces} | {one[36:52] for one in traces}) == 10_000


def test_ids_and_traces_may_be_drawn_in_any_order() -> None:
    identifiers = Identifiers(FakeClock().wall)
    made = [(identifiers.uuid7(), identifiers.traceparent()) for _ in range(2000)]
    assert all(REQUEST_ID.fullmatch(one) and TRACEPARENT.fullmatch(two) for one, two in made)


@pytest.mark.parametrize("text", [b"a", b"0", b"A.b_c:d-e", b"x" * 128])
def test_a_well_formed_request_id_is_taken(text: bytes) -> None:
    assert REQUEST_ID.fullmatch(text)


@pytest.mark.parametrize("text", [b"", b"x" * 129, b"-a", b"a b", b"a,b", b"a\n", b'a"', b"\xc3"])
def test_another_request_id_is_not_taken(text: bytes) -> None:
    assert not REQUEST_ID.fullmatch(text)


TRACE = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"


def test_a_well_formed_trace_is_continued() -> None:
    assert TRACEPARENT.fullmatch(TRACE)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        TRACE.upper(),
        TRACE.replace(b"a", b"0"),
        TRACE.replace(b"b", b"0"),
        TRACE.replace(b"00-", b"ff-"),
        TRACE + b"-more",
        TRACE[:-1],
        TRACE + b"\n",
    ],
)
def test_another_trace_is_not_continued(text: bytes) -> None:
    assert not TRACEPARENT.fullmatch(text)
