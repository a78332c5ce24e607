import pytest

from tests.helpers.builders import a_head
from tta_gateway.kernel.message import (
    CHUNKED,
    NO_FIELDS,
    Refusal,
    RequestHead,
    Response,
    answer_of,
    is_of_events,
    lines_of,
)
from tta_gateway.kernel.problem import NOT_FOUND


def test_the_path_of_a_request_ends_before_the_query() -> None:
    assert RequestHead(1, b"GET", b"/a?b=c?d").path == b"/a"


def test_the_query_of_a_request_is_all_behind_the_first_question_mark() -> None:
    assert RequestHead(1, b"GET", b"/a?b=c?d").query == b"b=c?d"


def test_a_request_without_a_question_mark_has_no_query() -> None:
    assert RequestHead(1, b"GET", b"/a").query is None


def test_a_field_is_found_by_its_name() -> None:
    assert a_head(fields=[(b"accept", b"text/html")]).get(b"accept") == b"text/html"


def test_a_field_that_is_not_there_is_none() -> None:
    assert a_head().get(b"accept") is None


def test_of_a_repeated_field_the_last_counts() -> None:
    assert a_head(fields=[(b"a", b"1"), (b"a", b"2")]).get(b"a") == b"2"


def test_a_second_look_finds_the_same() -> None:
    head = a_head(fields=[(b"a", b"1")])
    assert head.get(b"a") == head.get(b"a")


def test_a_request_prints_no_query_since_it_may_hold_a_secret() -> None:
    assert repr(RequestHead(3, b"GET", b"/a?token=secret")) == "<GET /a #3>"


def test_fields_become_lines_each_with_its_end() -> None:
    assert lines_of([(b"a", b"1"), (b"b", b"")]) == b"a: 1\r\nb: \r\n"


def test_the_lines_of_a_request_are_those_of_its_fields() -> None:
    assert a_head(fields=[(b"a", b"1")]).lines() == b"a: 1\r\n"


def test_the_lines_of_a_request_are_made_once() -> None:
    head = a_head(fields=[(b"a", b"1")])
    assert head.lines() is head.lines()


def test_a_request_that_repeats_another_says_the_same_of_a_new_target() -> None:
    head = a_head("POST", "/first", fields=[(b"a", b"1")], forwarding=[(b"forwarded", b"for=x")])
    again = head.again(2, b"/second?q")
    assert (again.method, again.fields, again.forwarding, again.host) == (
        head.method,
        head.fields,
        head.forwarding,
        head.host,
    )


def test_a_request_that_repeats_another_has_its_own_target() -> None:
    again = a_head("GET", "/first?p").again(2, b"/second")
    assert (again.stream_id, again.target, again.path, again.query) == (
        2,
        b"/second",
        b"/second",
        None,
    )


def test_an_answer_of_ours_knows_its_length() -> None:
    assert Response(200, body=b"four").length == 4


def test_an_answer_that_streams_has_no_length_yet() -> None:
    assert Response(200, body=None).length == CHUNKED


def test_two_answers_never_share_their_fields() -> None:
    Response(200).fields.append((b"a", b"1"))
    assert Response(200).fields == []


def test_an_answer_gives_the_first_field_of_a_name() -> None:
    assert Response(200, [(b"b", b"0"), (b"a", b"1"), (b"a", b"2")]).get(b"a") == b"1"


def test_an_answer_without_the_field_gives_none() -> None:
    assert Response(200).get(b"a") is None


def test_dropping_a_field_takes_every_one_of_that_name() -> None:
    response = Response(200, [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")])
    response.drop(b"a")
    assert response.fields == [(b"b", b"2")]


def test_an_answer_prints_its_status() -> None:
    assert repr(Response(204)) == "<answer 204>"


def test_an_error_of_ours_prints_its_code() -> None:
    assert repr(answer_of(NOT_FOUND)) == "<answer 404 routing_not_found>"


def test_an_answer_to_a_problem_has_its_status_and_detail() -> None:
    response = answer_of(NOT_FOUND, "no /x here")
    assert (response.status, response.detail) == (404, "no /x here")


def test_a_refusal_is_not_deferrable_unless_it_says_so() -> None:
    assert not Refusal(Response(403)).deferrable


def test_nobody_has_put_a_field_among_those_of_requests_without_any() -> None:
    assert NO_FIELDS == []


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_head_tells_whether_it_has_one_of_these_fields(asked_before: bool) -> None:
    head = RequestHead(1)
    head.fields = [(b"accept", b"a"), (b"x-user", b"b")]
    if asked_before:
        head.get(b"accept")
    assert head.has_any(frozenset((b"x-user", b"x-role")))
    assert not head.has_any(frozenset((b"x-role",)))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([(b"content-type", b"text/event-stream")], True),
        ([(b"content-type", b"Text/Event-Stream; charset=utf-8")], True),
        ([(b"content-type", b"text/html")], False),
        ([], False),
    ],
)
def test_an_answer_of_events_is_one_that_says_so(
    fields: list[tuple[bytes, bytes]], expected: bool
) -> None:
    assert is_of_events(Response(200, fields)) is expected


def test_a_field_is_added_to_the_fields_and_to_the_lines_where_these_are_known() -> None:
    response = answer_of(NOT_FOUND)
    response.add(b"a", b"1")
    assert (response.fields, response.lines) == ([(b"a", b"1")], None)
    response.lines = lines_of(response.fields)
    response.add(b"b", b"2")
    assert response.lines == lines_of(response.fields) == b"a: 1\r\nb: 2\r\n"
