"""Where drills come to workers, as clients do: a path that is scanned as a route of people's is.

What comes there without a token that the administration has made for it is refused, and not looked
at; no service is behind it.
"""

from typing import Final

from tta_gateway.kernel.own import stream

DRILLS: Final = "drills"
"""The name under which a worker answers there."""
PATH: Final = "/v1/drills"
TOKEN: Final = b"x-tta-drill"
"""The field with the token, which one request may show once."""
_LARGEST: Final = 4096  # bytes
ROUTES: Final = (stream("POST", PATH, DRILLS, max_body=_LARGEST),)
