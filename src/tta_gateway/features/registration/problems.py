"""What can be wrong with a registration."""

from typing import Final

from tta_gateway.kernel.problem import Problem

TOKEN_MISSING: Final = Problem(
    "registration_token_missing",
    401,
    "Who registers must show a token, or a certificate.",
    "Send `Authorization: Bearer` and a token that the operator has named in `registration`, or "
    "connect with a certificate of a service that is named there.",
)
TOKEN_UNKNOWN: Final = Problem(
    "registration_token_unknown",
    401,
    "The token is not known.",
    "Send one of the tokens that the operator has named in `registration`; it may have changed.",
)
CALLER_UNKNOWN: Final = Problem(
    "registration_caller_unknown",
    403,
    "The service of this certificate may register nothing.",
    "Have the operator name its SPIFFE id in `registration.callers`, or send a token.",
)
SERVICE_FORBIDDEN: Final = Problem(
    "registration_service_forbidden",
    403,
    "What was shown may not speak for this service.",
    "Use the service's own token or certificate, or have the operator name the service in "
    "`services` of this one.",
)
ROUTE_FORBIDDEN: Final = Problem(
    "registration_route_forbidden",
    403,
    "The token or certificate may not claim this path.",
    "Declare paths below the prefixes that the operator has named in `routes` of it.",
)
AUTH_FORBIDDEN: Final = Problem(
    "registration_auth_forbidden",
    403,
    "The token or certificate may not let in who shows no access token.",
    "Ask for `auth: required`, or have the operator write `auth_none: true` for it, if "
    "anybody may call these routes.",
)
NONE_BELIEVED: Final = Problem(
    "registration_no_issuer",
    422,
    "A declared route asks for an access token, and the gateway believes none.",
    "Have the operator write `identity: {issuers: […]}`, or `auth_none: true` for it, and "
    "`auth: none` for the route, if anybody may call it.",
)
INSTANCE_INVALID: Final = Problem(
    "registration_invalid",
    422,
    "The registration is not what this endpoint takes.",
    "Send `{url, weight, lease, draining, routes}`; only `url` must be there.",
)
OWN_ADDRESS: Final = Problem(
    "registration_own_address",
    422,
    "An address of the gateway itself cannot be registered.",
    "Register where the service itself listens.",
)
UNENCRYPTED: Final = Problem(
    "registration_unencrypted",
    422,
    "An address beyond this machine that is spoken to without TLS cannot be registered.",
    "Register an `https://` URL, or have the operator write `plaintext: …`, the reason for which "
    "nobody can listen there, below the service.",
)
ROUTE_TAKEN: Final = Problem(
    "registration_route_taken",
    409,
    "The route belongs to another service.",
    "Declare another path or other methods, or wait until the other service has left.",
)
ROUTES_FULL: Final = Problem(
    "registration_routes_full",
    409,
    "There is no room for so many declared routes.",
    "Declare fewer routes, for example one with `{rest:path}`, or wait until instances that "
    "declare others have left.",
)
INSTANCES_FULL: Final = Problem(
    "registration_instances_full",
    409,
    "The service has as many instances as may register.",
    "Give each process one id and keep it while it lives, and wait until other instances have left "
    "or their leases are over.",
)
SUBSCRIPTION_FORBIDDEN: Final = Problem(
    "registration_subscription_forbidden",
    403,
    "Whoever registers may not be told of these events.",
    "Leave the subscription out, or have the operator allow it: `safety: {secret: …}` beside the "
    "token or the certificate in `registration`.",
)
UNKNOWN: Final = Problem(
    "registration_unknown",
    404,
    "There is no such service here.",
    "Check the name: it must stand in `services` of the gateway's configuration.",
)
STORE_UNAVAILABLE: Final = Problem(
    "registration_store_unavailable",
    503,
    "Registrations cannot be kept at the moment.",
    "Try again when Retry-After says: what is registered stays in force meanwhile.",
    retry_after=2,
)
