"""What it serves to clients where people log in by way of a provider."""

from typing import Final

from tta_gateway.features.identity.public import AUTH
from tta_gateway.kernel.own import public
from tta_gateway.kernel.route import Timeouts

PROVIDERS: Final = f"{AUTH}/external"
BEGIN: Final = f"{PROVIDERS}/{{provider}}"
CALLBACK: Final = f"{BEGIN}/callback"
LOGOUT: Final = f"{BEGIN}/logout"
BACK_CHANNEL: Final = f"{BEGIN}/backchannel-logout"
_SMALL: Final = 16 * 1024  # bytes
# The provider is asked for tokens meanwhile, and perhaps first of all what it is.
_PATIENCE: Final = Timeouts(first_byte=25.0, total=25.0)
ROUTES: Final = (
    public("GET", PROVIDERS, auth="none", max_body=0),
    public("GET", BEGIN, auth="none", max_body=0, timeouts=_PATIENCE),
    public("GET", CALLBACK, auth="none", max_body=0, timeouts=_PATIENCE),
    public("GET", LOGOUT, auth="none", max_body=0, timeouts=_PATIENCE),
    public("POST", BACK_CHANNEL, auth="none", max_body=_SMALL, timeouts=_PATIENCE),
)
