"""The endpoint, without a server."""

from fastapi import FastAPI

from tests.helpers.asgi import Answer, asked
from tta_gateway.features.metrics.api import router
from tta_gateway.features.metrics.exposition import Exposition
from tta_gateway.support.metrics import Metric, Registry
from tta_gateway.support.segment import Segment


def scraped(method: str = "GET", **fields: str) -> Answer:
    segment = Segment()
    Registry(segment).child(Metric("requests_total", "counter", "Requests.")).add(3.0)
    app = FastAPI(openapi_url=None)
    app.include_router(router(Exposition(lambda: [segment])))
    return asked(app, method, "/metrics", **fields)


def test_everything_that_was_counted_is_on_the_page() -> None:
    answer = scraped()
    assert (answer.status, b"\nrequests_total 3.0\n" in answer.body) == (200, True)


def test_the_page_says_what_it_is() -> None:
    assert scraped().fields["content-type"].startswith("text/plain; version=")


def test_who_asks_for_openmetrics_gets_it() -> None:
    answer = scraped(accept="application/openmetrics-text;version=1.0.0")
    kind = answer.fields["content-type"].partition(";")[0]
    assert (kind, answer.body.endswith(b"# EOF\n")) == ("application/openmetrics-text", True)


def test_there_is_nothing_to_post() -> None:
    assert scraped("POST").status == 405
