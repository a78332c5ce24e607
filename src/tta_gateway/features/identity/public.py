"""What it serves to clients."""

from typing import Final

from tta_gateway.kernel.own import public

AUTH: Final = "/api/v1/auth"
LOGIN: Final = f"{AUTH}/login"
REFRESH: Final = f"{AUTH}/refresh"
LOGOUT: Final = f"{AUTH}/logout"
LOGOUT_ALL: Final = f"{AUTH}/logout-all"
TICKET: Final = f"{AUTH}/ticket"
ME: Final = f"{AUTH}/me"
VERIFY: Final = f"{AUTH}/verify-token"
PERMISSIONS: Final = f"{AUTH}/permissions"
REGISTER: Final = f"{AUTH}/register"
VERIFY_BY_GET: Final = f"{AUTH}/verify"
STATUS: Final = ("/api/v1/openrouter/auth/status", "/openrouter/auth/status")
"""Where pages of the platform ask, after a reload, whether they are logged in."""
RESET_REQUEST: Final = f"{AUTH}/password/reset-request"
RESET: Final = f"{AUTH}/password/reset"
SESSIONS: Final = f"{AUTH}/sessions"
SESSION: Final = f"{AUTH}/sessions/{{id}}"
KEY_SET: Final = "/.well-known/jwks.json"
_SMALL: Final = 16 * 1024  # bytes
ROUTES: Final = (
    public("POST", LOGIN, auth="none", max_body=_SMALL),
    public("POST", REFRESH, auth="none", max_body=_SMALL),
    public("POST", LOGOUT, auth="none", max_body=_SMALL),
    public("POST", LOGOUT_ALL, auth="required", max_body=_SMALL),
    public("POST", TICKET, auth="required", max_body=_SMALL),
    public("GET", ME, auth="required", max_body=0),
    public("POST", VERIFY, auth="required", max_body=_SMALL),
    public("GET", PERMISSIONS, auth="required", max_body=0),
    public("GET", SESSIONS, auth="required", max_body=0),
    public("DELETE", SESSION, auth="required", max_body=0),
    public("GET", KEY_SET, auth="none", max_body=0),
)
HASHING: Final = frozenset((LOGIN,))
"""Where a password is looked at, for which there may be no room: workers hear of that."""
# What a service would ask of a session of its own, of which a token of ours knows nothing.
NOT_SERVED: Final = (
    ("GET", f"{AUTH}/roles"),
    ("GET", f"{AUTH}/security/events"),
    ("GET", f"{AUTH}/security/sessions"),
)
DELEGATED: Final = (
    public("GET", VERIFY_BY_GET, auth="required", max_body=0),
    *(public("GET", path, auth="none", max_body=0) for path in STATUS),
    *(
        public(method, path, auth="required", max_body=_SMALL if method == "POST" else 0)
        for method, path in NOT_SERVED
    ),
)
"""Beside them, where accounts of a service log in."""
