import msgspec
import pytest

from tests.helpers.builders import an_exchange, answered, from_upstream
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.features.problem.policy import Problem
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.problem import NOT_FOUND, UPSTREAM_BUSY, UPSTREAM_RESET
from tta_gateway.kernel.problem import Problem as Kind

TEAPOT = Kind("tea_pot", 418, "I am a teapot.", "Ask for tea.")


def worded(response: Response, bound: ProblemBound | None = None) -> Response:
    exchange = an_exchange()
    exchange.request_id = b"id-7"
    Problem(bound or ProblemBound()).on_response(answered(exchange, response))
    return response


def document(
    kind: Kind, detail: str | None = None, bound: ProblemBound | None = None
) -> dict[str, object]:
    body = worded(answer_of(kind, detail), bound).body
    members: dict[str, object] = msgspec.json.decode(body or b"")
    return members


def test_it_acts_on_every_route() -> None:
    problem = Problem(ProblemBound())
    assert problem.for_route(None) is problem


def test_an_error_is_a_problem_document() -> None:
    assert document(TEAPOT) == {
        "type": "about:blank",
        "title": "I am a teapot.",
        "status": 418,
        "detail": "Ask for tea.",
        "code": "tea_pot",
        "correlation_id": "id-7",
    }


def test_what_is_particular_stands_in_place_of_what_is_general() -> None:
    assert document(TEAPOT, "This one is broken.")["detail"] == "This one is broken."


def test_the_type_begins_as_the_operator_says_and_ends_with_the_code() -> None:
    made = document(TEAPOT, bound=ProblemBound(base="https://errors.example/"))
    assert made["type"] == "https://errors.example/tea_pot"


def test_a_message_is_added_for_clients_that_look_for_one() -> None:
    assert document(TEAPOT, "Broken.", ProblemBound(message=True))["message"] == "Broken."


def test_what_is_general_is_worded_once_and_each_time_for_its_own_exchange() -> None:
    policy, told = Problem(ProblemBound(message=True)), []
    quoting = Kind("tea_pot", 418, "Title", 'No "correlation_id":"x" in here.')
    for number in (b"id-1", b"id-2"):
        exchange, response = an_exchange(), answer_of(quoting)
        exchange.request_id = number
        policy.on_response(answered(exchange, response))
        assert response.length == len(response.body or b"")
        told.append(msgspec.json.decode(response.body or b""))
    assert [one.pop("correlation_id") for one in told] == ["id-1", "id-2"]
    assert told[0] == told[1]
    assert told[0]["detail"] == told[0]["message"] == quoting.detail


def test_kinds_that_are_made_as_they_come_fill_no_memory() -> None:
    policy = Problem(ProblemBound())
    for number in range(300):
        kind = Kind("tea_pot", 418, "Title", f"Cup {number}.")
        response = answer_of(kind)
        policy.on_response(answered(an_exchange(), response))
        assert msgspec.json.decode(response.body or b"")["detail"] == kind.detail
    assert len(policy._general) == 256


def test_an_error_says_what_its_body_is() -> None:
    assert worded(answer_of(TEAPOT)).get(b"content-type") == b"application/problem+json"


def test_an_error_is_not_to_be_stored() -> None:
    assert worded(answer_of(TEAPOT)).get(b"cache-control") == b"no-store"


def test_an_error_knows_the_length_of_its_body() -> None:
    response = worded(answer_of(TEAPOT, "größer als gedacht"))
    assert response.length == len(response.body or b"")


def test_who_should_try_again_is_told_when() -> None:
    assert worded(answer_of(UPSTREAM_BUSY)).get(b"retry-after") == b"1"


def test_who_need_not_try_again_is_told_nothing() -> None:
    assert worded(answer_of(NOT_FOUND)).get(b"retry-after") is None


def test_a_service_s_fault_is_told_to_proxies() -> None:
    status = worded(answer_of(UPSTREAM_RESET)).get(b"proxy-status")
    assert status == b"tta-gateway; error=connection_terminated"


def test_a_client_s_fault_is_no_proxy_s_business() -> None:
    assert worded(answer_of(NOT_FOUND)).get(b"proxy-status") is None


def test_fields_that_the_error_brings_stay() -> None:
    response = answer_of(TEAPOT)
    response.fields.append((b"allow", b"GET"))
    assert worded(response).get(b"allow") == b"GET"


@pytest.mark.parametrize("response", [from_upstream(502), Response(404, body=b"mine")])
def test_an_answer_that_is_no_error_of_ours_is_left_alone(response: Response) -> None:
    before = (response.body, list(response.fields))
    assert (worded(response).body, response.fields) == before


def test_an_exchange_without_an_answer_is_left_alone() -> None:
    exchange = an_exchange()
    Problem(ProblemBound()).on_response(exchange)
    assert exchange.response is None


def test_it_says_what_it_does() -> None:
    assert Problem(ProblemBound()).explain() == "words errors as application/problem+json"
