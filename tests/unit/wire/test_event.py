"""What a codec reads, beside heads."""

from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.problem import MALFORMED
from tta_gateway.wire.event import Data, End, Reset


def test_data_says_whether_it_is_the_last() -> None:
    data = Data(3, b"x", end=True)
    assert (data.stream_id, data.data, data.end) == (3, b"x", True)


def test_an_end_has_no_trailers_unless_it_is_told() -> None:
    assert End(3).trailers == []


def test_an_end_keeps_trailers_apart() -> None:
    end = End(3, [(b"x-t", b"v")])
    assert (end.stream_id, end.trailers) == (3, [(b"x-t", b"v")])


def test_a_reset_says_what_went_wrong() -> None:
    error = ClientFault(MALFORMED)
    reset = Reset(3, error)
    assert (reset.stream_id, reset.error) == (3, error)
