"""Pages for browsers, which the platform has elsewhere: one session on two devices, /together/."""

import sys
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.responses import FileResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

SITE: Final = Path(__file__).with_name("site")
SDK: Final = "node_modules/centrifuge/dist/centrifuge.js"
INSTALLED: Final = Path(sys.prefix, "pages", SDK)
MISSING: Final = "The SDK of the hub is not installed: `make run` does that, where npm is.\n"


def build(_: Path) -> ASGIApp:
    """Return the service: it keeps nothing, and shows everybody the same."""
    app = FastAPI(title="pages")
    app.add_api_route("/health", _health)
    app.add_api_route("/together/centrifuge.js", _sdk)
    app.mount("/together", StaticFiles(directory=SITE, html=True))
    return app


def _health() -> dict[str, str]:
    return {"status": "healthy"}


def _sdk() -> Response:
    """Return npm's `centrifuge` as it is."""
    if not INSTALLED.is_file():
        return PlainTextResponse(MISSING, 503)
    return FileResponse(INSTALLED, media_type="text/javascript")
