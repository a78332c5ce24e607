"""To https: where a plain listener sends its clients."""

from typing import cast

import pytest

from tests.helpers.builders import a_head, a_plan, an_exchange
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.problem import HOST_INVALID
from tta_gateway.routing.table import Table
from tta_gateway.routing.to_https import ToHttps


def sent(target: str, *, host: str = "api.example.org", port: int = 443) -> Response:
    answers: list[Response] = []

    def answer(_: Exchange, response: Response) -> None:
        answers.append(response)

    table = Table([], nowhere=a_plan(), answer=answer)
    directory = ToHttps(table, plan=a_plan(), port=port, answer=answer)
    head = a_head("POST", target, host=host)
    destination, params = directory.find(head)
    assert directory.malformed is table.malformed
    assert params == {}
    destination.plan.forward(an_exchange(head))
    return answers[0]


@pytest.mark.parametrize(
    ("host", "port", "location"),
    [
        ("api.example.org", 443, b"https://api.example.org/a?b=c"),
        ("api.example.org:8080", 443, b"https://api.example.org/a?b=c"),
        ("api.example.org:8080", 8443, b"https://api.example.org:8443/a?b=c"),
        ("[::1]:80", 443, b"https://[::1]/a?b=c"),
        ("[::1]", 8443, b"https://[::1]:8443/a?b=c"),
    ],
)
def test_the_place_is_the_same_but_for_the_scheme(host: str, port: int, location: bytes) -> None:
    answer = sent("/a?b=c", host=host, port=port)
    assert (answer.status, answer.get(b"location")) == (308, location)


def test_nothing_in_a_target_ends_the_field() -> None:
    assert sent("/{a}|b\\c").get(b"location") == b"https://api.example.org/%7Ba%7D%7Cb%5Cc"


def test_options_of_everything_lead_to_the_root() -> None:
    assert sent("*").get(b"location") == b"https://api.example.org/"


def test_who_names_no_host_cannot_be_sent_anywhere() -> None:
    assert cast("object", sent("/", host="").problem) is HOST_INVALID
