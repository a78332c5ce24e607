import uuid

import pytest

from tests.helpers.builders import a_head, a_peer, an_exchange, answered, from_upstream
from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.trace.policy import Trace
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields, Response
from tta_gateway.support.identifier import TRACEPARENT, Identifiers

PARENT = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"


def a_trace() -> Trace:
    return Trace(Identifiers(FakeClock().wall))


def traced(said: Fields | None = None, *, trusted: bool = False) -> Exchange:
    """Return an exchange whose client says this about the way here."""
    exchange = an_exchange(a_head(forwarding=said), peer=a_peer(trusted=trusted))
    a_trace().on_request(exchange)
    return exchange


def told(response: Response) -> list[bytes]:
    """Return every request id that a client reads in the answer."""
    exchange = traced([(b"x-request-id", b"mine")])
    a_trace().on_response(answered(exchange, response))
    return [value for name, value in response.fields if name == b"x-request-id"]


def test_it_acts_on_every_route() -> None:
    trace = a_trace()
    assert trace.for_route(None) is trace


def test_a_request_without_an_id_gets_a_uuid() -> None:
    assert uuid.UUID(traced().request_id.decode()).version == 7


def test_a_well_formed_id_is_kept() -> None:
    assert traced([(b"x-request-id", b"Client-7:a_b.c")]).request_id == b"Client-7:a_b.c"


@pytest.mark.parametrize("said", [b"", b"a b", b'"quoted"', b"x" * 129, b"<script>", b"a\xffb"])
def test_another_id_is_replaced(said: bytes) -> None:
    assert uuid.UUID(traced([(b"x-request-id", said)]).request_id.decode()).version == 7


def test_the_longest_id_is_kept() -> None:
    assert traced([(b"x-request-id", b"x" * 128)]).request_id == b"x" * 128


def test_of_several_ids_the_last_that_is_well_formed_is_kept() -> None:
    said = [(b"x-request-id", b"one"), (b"x-request-id", b"two"), (b"x-request-id", b"not one")]
    assert traced(said).request_id == b"two"


def test_a_new_trace_begins() -> None:
    assert TRACEPARENT.fullmatch(traced().traceparent)


def test_a_trusted_neighbour_s_trace_is_continued() -> None:
    assert traced([(b"traceparent", PARENT)], trusted=True).traceparent == PARENT


def test_a_stranger_s_trace_is_not_continued() -> None:
    assert traced([(b"traceparent", PARENT)]).traceparent != PARENT


@pytest.mark.parametrize("said", [b"", PARENT.upper(), PARENT + b"-x", PARENT.replace(b"a", b"0")])
def test_a_malformed_trace_is_not_continued(said: bytes) -> None:
    assert TRACEPARENT.fullmatch(traced([(b"traceparent", said)], trusted=True).traceparent)


def test_other_words_about_the_way_are_not_its_business() -> None:
    exchange = traced([(b"x-forwarded-for", b"192.0.2.1")], trusted=True)
    assert [name for name, _ in exchange.extra] == [b"x-request-id", b"traceparent"]


def test_the_service_is_told_the_id_and_the_trace() -> None:
    exchange = traced()
    assert exchange.extra == [
        (b"x-request-id", exchange.request_id),
        (b"traceparent", exchange.traceparent),
    ]


def test_the_client_is_told_the_id() -> None:
    assert told(from_upstream()) == [b"mine"]


def test_the_client_is_told_the_id_of_an_answer_of_ours() -> None:
    assert told(Response(404)) == [b"mine"]


def test_the_service_s_own_word_about_the_id_goes() -> None:
    fields = [(b"x-request-id", b"theirs"), (b"a", b"1"), (b"x-request-id", b"theirs")]
    assert told(from_upstream(fields=fields)) == [b"mine"]


def test_the_service_s_other_fields_stay() -> None:
    response = from_upstream(fields=[(b"a", b"1"), (b"x-request-id", b"theirs")])
    told(response)
    assert (b"a", b"1") in response.fields


def test_it_says_what_it_does() -> None:
    assert a_trace().explain() == "gives X-Request-ID and traceparent"
