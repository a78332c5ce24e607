"""What it serves to clients of second factors.

Who has to enrol one before there is any session shows a challenge instead of a token: so the
endpoints of enrolment take who shows no token, too, and look at the challenge themselves.
"""

from typing import Final

from tta_gateway.features.identity.public import AUTH
from tta_gateway.kernel.own import public

VERIFY: Final = f"{AUTH}/mfa/verify"
SETUP: Final = f"{AUTH}/mfa/setup"
CHALLENGE: Final = f"{AUTH}/mfa/challenge"
STEP_UP: Final = f"{AUTH}/step-up"
TOTP: Final = f"{AUTH}/mfa/totp"
TOTP_CONFIRM: Final = f"{AUTH}/mfa/totp/confirm"
KEY_OPTIONS: Final = f"{AUTH}/mfa/webauthn/options"
KEY: Final = f"{AUTH}/mfa/webauthn"
CODES: Final = f"{AUTH}/mfa/recovery-codes"
FACTORS: Final = f"{AUTH}/mfa/factors"
FACTOR: Final = f"{AUTH}/mfa/factors/{{id}}"
_SMALL: Final = 16 * 1024  # bytes
_WITH_KEY: Final = 64 * 1024  # bytes
ROUTES: Final = (
    public("POST", VERIFY, auth="none", max_body=_SMALL),
    public("POST", CHALLENGE, auth="none", max_body=_SMALL),
    public("POST", STEP_UP, auth="required", max_body=_SMALL),
    public("POST", SETUP, auth="optional", max_body=_SMALL),
    public("POST", TOTP, auth="optional", max_body=_SMALL),
    public("POST", TOTP_CONFIRM, auth="optional", max_body=_SMALL),
    public("POST", KEY_OPTIONS, auth="optional", max_body=_SMALL),
    public("POST", KEY, auth="optional", max_body=_WITH_KEY),
    public("POST", CODES, auth="required", max_body=_SMALL),
    public("GET", FACTORS, auth="required", max_body=0),
    public("DELETE", FACTOR, auth="required", max_body=0),
)
