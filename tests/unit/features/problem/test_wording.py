"""The words of an error, whoever answers it."""

import json
from dataclasses import replace

from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.features.problem.wording import document, fields
from tta_gateway.kernel.problem import NOT_FOUND, OWN_UNAVAILABLE


def test_a_document_names_the_kind_the_case_and_the_request() -> None:
    told = json.loads(document(NOT_FOUND, "Not here.", request_id="id", bound=ProblemBound()))
    assert told == {
        "type": "about:blank",
        "title": NOT_FOUND.title,
        "status": 404,
        "detail": "Not here.",
        "code": "routing_not_found",
        "correlation_id": "id",
    }


def test_operators_may_have_a_base_and_a_message() -> None:
    bound = ProblemBound(base="https://errors.example/", message=True)
    told = json.loads(document(NOT_FOUND, "Not here.", request_id="id", bound=bound))
    assert told["type"] == "https://errors.example/routing_not_found"
    assert told["message"] == told["detail"]


def test_fields_say_what_it_is_when_to_come_again_and_whose_fault_it_is() -> None:
    assert fields(NOT_FOUND) == [
        (b"content-type", b"application/problem+json"),
        (b"cache-control", b"no-store"),
    ]
    assert fields(OWN_UNAVAILABLE)[2:] == [
        (b"retry-after", b"2"),
        (b"proxy-status", b"tta-gateway; error=destination_unavailable"),
    ]


def test_who_may_not_come_in_is_told_how_to() -> None:
    kind = replace(NOT_FOUND, status=401)
    assert (b"www-authenticate", b"Bearer") in fields(kind)


def test_who_could_come_in_with_something_else_is_told_with_what() -> None:
    asked = 'Bearer error="insufficient_scope"'
    kind = replace(NOT_FOUND, status=403, challenge=asked)
    assert (b"www-authenticate", asked.encode()) in fields(kind)


def test_a_kind_may_have_members_of_its_own() -> None:
    members = {"violated-policies": ["per-user", "daily"]}
    plain = json.loads(document(NOT_FOUND, "No.", request_id="id", bound=ProblemBound()))
    told = json.loads(
        document(NOT_FOUND, "No.", request_id="id", bound=ProblemBound(), members=members)
    )
    assert told == {**plain, **members}
