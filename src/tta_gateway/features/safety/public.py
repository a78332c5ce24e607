"""What it serves to services that have no eye of their own: moderation, answered by workers."""

from typing import Final

import msgspec

from tta_gateway.kernel.own import stream

MODERATIONS: Final = "moderations"
"""The name under which a worker answers there."""
ASKS: Final = "moderation:ask"
"""The permission of who may ask there: by themselves services and administrators."""
LARGEST: Final = 256 * 1024
"""Bytes of a request."""
ROUTES: Final = (
    msgspec.structs.replace(
        stream("POST", "/v1/moderations", MODERATIONS, max_body=LARGEST), auth="required"
    ),
)
