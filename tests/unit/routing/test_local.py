import pytest

from tests.helpers.builders import a_head, a_route, an_exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.route import Maintenance, Respond, Route
from tta_gateway.routing.local import answer_locally


def redirect(path: str, target: str, asked: str, status: int = 307) -> Response:
    route = Route(name="r", path=path, redirect=target, redirect_status=status)
    return answer_locally(route, an_exchange(a_head("GET", asked)))


def test_a_redirect_leads_where_it_says() -> None:
    assert redirect("/old", "/new", "/old").get(b"location") == b"/new"


def test_a_redirect_has_the_status_that_the_route_gives() -> None:
    assert redirect("/old", "/new", "/old", 308).status == 308


def test_a_redirect_keeps_the_query() -> None:
    assert redirect("/old", "/new", "/old?a=b").get(b"location") == b"/new?a=b"


def test_a_redirect_keeps_an_empty_query() -> None:
    assert redirect("/old", "/new", "/old?").get(b"location") == b"/new?"


def test_a_redirect_fills_in_the_values_of_the_path() -> None:
    location = redirect("/p/{id}/{rest:path}", "https://x.example/{rest:path}?", "/p/7/a/b")
    assert location.get(b"location") == b"https://x.example/a/b?"


def test_a_redirect_fills_in_a_tail_by_its_name_alone() -> None:
    assert redirect("/p/{rest:path}", "/q/{rest}", "/p/a/b").get(b"location") == b"/q/a/b"


@pytest.mark.parametrize("value", ["%3Fadmin", "%23top", "%25", "%0D%0ASet-Cookie:a=b", "%C3%A9"])
def test_a_value_stays_encoded_so_that_it_is_never_more_than_a_value(value: str) -> None:
    location = redirect("/p/{id}", "/q/{id}", f"/p/{value}").get(b"location")
    assert location == f"/q/{value}".encode()


def test_a_value_is_never_taken_for_a_name() -> None:
    location = redirect("/{a}/{b}", "/x/{a}/{b}", "/{b}/7").get(b"location")
    assert location == b"/x/%7Bb%7D/7"


def test_a_redirect_is_written_as_a_uri_whatever_the_operator_writes() -> None:
    assert redirect("/old", "/größe", "/old").get(b"location") == b"/gr%C3%B6%C3%9Fe"


def test_a_fixed_answer_is_as_the_operator_writes_it() -> None:
    respond = Respond(status=410, body="gone", content_type="text/plain")
    response = answer_locally(a_route("/a", respond=respond), an_exchange())
    assert (response.status, response.body, response.get(b"content-type")) == (
        410,
        b"gone",
        b"text/plain",
    )


def test_a_service_that_is_missing_is_named() -> None:
    route = a_route("/a", respond=Respond(missing_service="worlds"))
    detail = answer_locally(route, an_exchange()).detail
    assert detail == "The service `worlds` is not part of this installation."


def test_a_service_that_is_missing_is_a_problem() -> None:
    route = a_route("/a", respond=Respond(missing_service="worlds"))
    problem = answer_locally(route, an_exchange()).problem
    assert problem is not None
    assert problem.code == "routing_service_missing"


def test_a_service_that_is_being_looked_after_says_when_to_come_again() -> None:
    route = a_route(maintenance=Maintenance(text="We are moving.", retry_after=600))
    response = answer_locally(route, an_exchange())
    assert response.problem is not None
    assert (response.status, response.detail) == (503, "We are moving.")
    assert (response.problem.code, response.problem.retry_after) == ("service_maintenance", 600)
