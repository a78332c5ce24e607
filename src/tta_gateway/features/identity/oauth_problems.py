"""Why a client of OAuth does not get what it asks for: each with its word of RFC 6749 5.2."""

from collections.abc import Mapping
from typing import Final

from tta_gateway.kernel.problem import Problem

_CHALLENGE: Final = 'Basic realm="oauth2"'  # RFC 6749 5.2: as the client has tried, or could

OAUTH_REQUEST: Final = Problem(
    "identity_oauth_request_invalid",
    400,
    "The request is not one of OAuth 2.",
    "Send each parameter once, as `application/x-www-form-urlencoded` in the body.",
)
OAUTH_CLIENT: Final = Problem(
    "identity_oauth_client_refused",
    401,
    "The client is not known here, or has not shown who it is.",
    "Show it in one way: `client_secret_basic`, `client_secret_post` or `private_key_jwt`; a "
    "public client says `client_id` alone. `tta-gateway client list` shows those that there are.",
    challenge=_CHALLENGE,
)
OAUTH_WAITING: Final = Problem(
    "identity_oauth_client_waiting",
    429,
    "A client has failed too often to show who it is, from this address.",
    "Try again when Retry-After says, with the right secret or key.",
    retry_after=5,
)
OAUTH_GRANT: Final = Problem(
    "identity_oauth_grant_invalid",
    400,
    "What was shown is not good for a token, or not any more.",
    "Begin anew at `/oauth2/authorize`: a code counts once, for a minute, for the client and the "
    "`redirect_uri` that it was issued for, with its `code_verifier`; a session may have ended.",
)
OAUTH_UNAUTHORIZED: Final = Problem(
    "identity_oauth_client_unauthorized",
    400,
    "The client may not get tokens in this way.",
    "Have the operator allow it the grant (`tta-gateway client add --grant …`), or use another.",
)
OAUTH_UNSUPPORTED: Final = Problem(
    "identity_oauth_grant_unsupported",
    400,
    "There is no such way to a token here.",
    "Use `authorization_code`, `refresh_token` or `client_credentials`.",
)
OAUTH_SCOPE: Final = Problem(
    "identity_oauth_scope_invalid",
    400,
    "The client may not have that scope.",
    "Ask for less; the operator says which scopes a client may have.",
)
OAUTH_AWAY: Final = Problem(
    "identity_oauth_unavailable",
    503,
    "Clients and sessions cannot be asked at the moment.",
    "Try again when Retry-After says: access tokens go on to count meanwhile.",
    retry_after=2,
)
WORDS: Final[Mapping[str, str]] = {
    OAUTH_REQUEST.code: "invalid_request",
    OAUTH_CLIENT.code: "invalid_client",
    OAUTH_WAITING.code: "temporarily_unavailable",
    OAUTH_GRANT.code: "invalid_grant",
    OAUTH_UNAUTHORIZED.code: "unauthorized_client",
    OAUTH_UNSUPPORTED.code: "unsupported_grant_type",
    OAUTH_SCOPE.code: "invalid_scope",
    OAUTH_AWAY.code: "temporarily_unavailable",
}
"""What RFC 6749 calls them."""
