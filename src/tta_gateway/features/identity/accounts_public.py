"""What it serves to clients of passwords of the gateway's own users."""

from typing import Final

from tta_gateway.features.identity.public import AUTH, REGISTER, RESET
from tta_gateway.kernel.own import public

PASSWORD: Final = f"{AUTH}/password"
CHANGE: Final = f"{AUTH}/password/change"
"""Where pages of the platform change one."""
REDEEM: Final = f"{AUTH}/password/redeem"
_SMALL: Final = 16 * 1024  # bytes
ROUTES: Final = (
    public("POST", PASSWORD, auth="required", max_body=_SMALL),
    public("POST", CHANGE, auth="required", max_body=_SMALL),
    public("POST", REDEEM, auth="none", max_body=_SMALL),
)
ALONE: Final = (public("POST", RESET, auth="none", max_body=_SMALL),)
"""Beside them, where no service has accounts whose passwords are reset there."""
OPEN: Final = (public("POST", REGISTER, auth="none", max_body=_SMALL),)
"""Where people may register: here, or at the service that has accounts."""
