"""Its endpoint."""

from fastapi import FastAPI

from tests.helpers.asgi import asked
from tta_gateway.features.openapi.api import router
from tta_gateway.features.openapi.public import PATH


def test_the_document_is_served_as_it_is_at_the_moment() -> None:
    app = FastAPI(openapi_url=None)
    said = {"openapi": "1"}
    app.include_router(router(lambda: dict(said)))
    assert asked(app, "GET", PATH).json == {"openapi": "1"}
    said["openapi"] = "2"
    answer = asked(app, "GET", PATH)
    assert (answer.json, answer.fields["content-type"]) == ({"openapi": "2"}, "application/json")
