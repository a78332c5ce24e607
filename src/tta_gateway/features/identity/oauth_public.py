"""What it serves to clients of OAuth."""

from typing import Final

from tta_gateway.kernel.own import public

AUTHORIZE: Final = "/oauth2/authorize"
LOGIN: Final = "/oauth2/login"
TOKEN: Final = "/oauth2/token"  # noqa: S105 - a path
REVOKE: Final = "/oauth2/revoke"
INTROSPECT: Final = "/oauth2/introspect"
METADATA: Final = "/.well-known/oauth-authorization-server"
CONFIGURATION: Final = "/.well-known/openid-configuration"
_SMALL: Final = 32 * 1024  # bytes
ROUTES: Final = (
    public("GET", AUTHORIZE, auth="none", max_body=0),
    public("POST", AUTHORIZE, auth="none", max_body=_SMALL),
    public("POST", LOGIN, auth="none", max_body=_SMALL),
    public("POST", TOKEN, auth="none", max_body=_SMALL),
    public("POST", REVOKE, auth="none", max_body=_SMALL),
    public("POST", INTROSPECT, auth="none", max_body=_SMALL),
    public("GET", METADATA, auth="none", max_body=0),
    public("GET", CONFIGURATION, auth="none", max_body=0),
)
