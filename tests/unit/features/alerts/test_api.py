"""`/admin/v1/alerts`: what there is."""

from fastapi import FastAPI

from tests.helpers.asgi import asked
from tta_gateway.features.alerts.api import router


def test_what_fires_is_told() -> None:
    app = FastAPI()
    app.include_router(router(lambda: {"alerts": [1]}))
    answer = asked(app, "GET", "/admin/v1/alerts")
    assert (answer.status, answer.json) == (200, {"alerts": [1]})
