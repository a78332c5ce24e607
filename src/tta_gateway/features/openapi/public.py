"""What it serves to clients."""

from typing import Final

from tta_gateway.kernel.own import public

PATH: Final = "/api/v1/openapi.json"
ROUTES: Final = (public("GET", PATH, auth="none", max_body=0),)
