"""Why somebody may not."""

from typing import Final

from tta_gateway.kernel.problem import Problem

_INSUFFICIENT: Final = "Ask whoever administers your account; another token will not help."

PERMISSION_MISSING: Final = Problem(
    "access_permission_missing",
    403,
    "You may not do this.",
    f"None of your roles holds the permission that this needs. {_INSUFFICIENT}",
    "http_request_denied",
)
ROLE_MISSING: Final = Problem(
    "access_role_missing",
    403,
    "This path is for other roles.",
    f"You have none of the roles that it is for. {_INSUFFICIENT}",
    "http_request_denied",
)
CLINICAL_ROLE_MISSING: Final = Problem(
    "access_clinical_role_missing",
    403,
    "This is clinical content.",
    "It is for the person whose it is, and for clinical roles: those that hold "
    "`content:clinical`. No other permission opens it.",
    "http_request_denied",
)
AUTHENTICATION_WEAK: Final = Problem(
    "access_authentication_insufficient",
    401,
    "This asks who you are once more, or with a second factor.",
    "Show your second factor at `/api/v1/auth/step-up` and use the access token that it gives; "
    "WWW-Authenticate says what is asked (RFC 9470). With a token of another issuer, log in there "
    "as it asks.",
    challenge='Bearer error="insufficient_user_authentication"',
)
SCOPE_MISSING: Final = Problem(
    "access_scope_insufficient",
    403,
    "The program that asks has not been let do this.",
    "You may do it yourself. Have the program ask for the scope that WWW-Authenticate names "
    "(RFC 6750), and log in again.",
    "http_request_denied",
    challenge='Bearer error="insufficient_scope"',
)
METHOD_CLOSED: Final = Problem(
    "access_method_closed",
    403,
    "Nobody may use this method here.",
    "Use another method; the operator has named no permission for this one (`access` of the "
    "route).",
    "http_request_denied",
)
NOT_THERE: Final = Problem(
    "access_not_there",
    404,
    "There is nothing here that you may see.",
    "Check the id in the path: it must be your own, or of somebody whom you care for. Whether "
    "there is such a person is told to nobody else.",
)
OWNER_UNTOLD: Final = Problem(
    "access_owner_untold",
    503,
    "Whose this is cannot be told at the moment.",
    "The service that knows has not answered, and nobody is let in on a guess. Try again when "
    "Retry-After says.",
    retry_after=1,
)
ENDED: Final = Problem(
    "access_ended",
    403,
    "The person whose this is is in your care no longer.",
    "What stays open ends with that: ask whoever says who cares for whom.",
)
CARE_AWAY: Final = Problem(
    "access_store_unavailable",
    503,
    "Who cares for whom cannot be written at the moment.",
    "Try again when Retry-After says: what is in force stays so meanwhile.",
    retry_after=2,
)
GLASS_UNKNOWN: Final = Problem(
    "access_glass_unknown",
    404,
    "There is no such broken glass of yours.",
    "Check the id; it may have ended by itself.",
)
