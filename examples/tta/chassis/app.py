"""One service: its routes inside the platform's layers."""

from typing import Final

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from examples.tta.chassis import health
from examples.tta.chassis.database import Database
from examples.tta.chassis.error import HANDLERS
from examples.tta.chassis.guard import Guard, Public
from examples.tta.chassis.header import Stamp, measured, safe
from examples.tta.chassis.host import OwnHost
from examples.tta.chassis.limit import RateLimit

ORIGINS: Final = [  # hard-coded on the platform too, whatever its settings say
    f"{scheme}://localhost:{port}" for scheme in ("http", "https") for port in (3000, 3001, 8080)
]
METHODS: Final = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
NOTHING_PUBLIC: Final = Public()


def application(
    title: str,
    *routers: APIRouter,
    database: Database | None = None,
    public: Public = NOTHING_PUBLIC,
) -> ASGIApp:
    """Return the service: its routers and /health, in the platform's layers."""
    app = FastAPI(title=title, exception_handlers=HANDLERS)
    app.state.database = database
    for router in (*routers, health.router(title)):
        app.include_router(router)
    _wrap(app, public)
    return OwnHost(app)


def _wrap(app: FastAPI, public: Public) -> None:
    """Lay the platform's layers around the routes, the innermost first."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=ORIGINS,
        allow_credentials=True,
        allow_methods=METHODS,
        allow_headers=["*"],
    )
    app.add_middleware(Stamp, begin=safe)
    app.add_middleware(RateLimit)
    app.add_middleware(Stamp, begin=measured)
    app.add_middleware(Guard, public=public)
