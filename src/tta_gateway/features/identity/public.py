"""What it serves to clients."""

from typing import Final

from tta_gateway.kernel.own import public

AUTH: Final = "/api/v1/auth"
LOGIN: Final = f"{AUTH}/login"
REFRESH: Final = f"{AUTH}/refresh"
LOGOUT: Final = f"{AUTH}/logout"
LOGOUT_ALL: Final = f"{AUTH}/logout-all"
ME: Final = f"{AUTH}/me"
VERIFY: Final = f"{AUTH}/verify-token"
SESSIONS: Final = f"{AUTH}/sessions"
SESSION: Final = f"{AUTH}/sessions/{{id}}"
KEY_SET: Final = "/.well-known/jwks.json"
_SMALL: Final = 16 * 1024  # bytes
ROUTES: Final = (
    public("POST", LOGIN, auth="none", max_body=_SMALL),
    public("POST", REFRESH, auth="none", max_body=_SMALL),
    public("POST", LOGOUT, auth="none", max_body=_SMALL),
    public("POST", LOGOUT_ALL, auth="required", max_body=_SMALL),
    public("GET", ME, auth="required", max_body=0),
    public("POST", VERIFY, auth="required", max_body=_SMALL),
    public("GET", SESSIONS, auth="required", max_body=0),
    public("DELETE", SESSION, auth="required", max_body=0),
    public("GET", KEY_SET, auth="none", max_body=0),
)
