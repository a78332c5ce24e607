"""Why it is not known who is asking."""

from dataclasses import replace
from typing import Final

from tta_gateway.features.identity.oauth_problems import (
    OAUTH_AWAY,
    OAUTH_CLIENT,
    OAUTH_GRANT,
    OAUTH_REQUEST,
    OAUTH_SCOPE,
    OAUTH_UNAUTHORIZED,
    OAUTH_UNSUPPORTED,
    OAUTH_WAITING,
)
from tta_gateway.kernel.problem import Problem

OAUTH: Final = (
    OAUTH_AWAY,
    OAUTH_CLIENT,
    OAUTH_GRANT,
    OAUTH_REQUEST,
    OAUTH_SCOPE,
    OAUTH_UNAUTHORIZED,
    OAUTH_UNSUPPORTED,
    OAUTH_WAITING,
)
"""What clients of OAuth hear; documented with all others."""
_INVALID: Final = 'Bearer error="invalid_token"'  # RFC 6750 3.1
_AGAIN: Final = "Log in again, or refresh the token at the issuer, and send the new one."


MISSING: Final = Problem(
    "identity_token_missing",
    401,
    "This path is for those who have logged in.",
    "Send an access token: `Authorization: Bearer <token>`.",
)
MALFORMED: Final = Problem(
    "identity_token_malformed",
    401,
    "The token is not well-formed.",
    "Send one access token, a JWT in its compact form, exactly as it was issued.",
    challenge=_INVALID,
)
UNPROVED: Final = Problem(
    "identity_token_unproved",
    401,
    "The token is not from an issuer that is believed here, or has been changed.",
    "Get a token from an issuer that this gateway believes; after a change of its keys, a new one.",
    challenge=_INVALID,
)
EXPIRED: Final = Problem(
    "identity_token_expired",
    401,
    "The token has expired.",
    _AGAIN,
    challenge=_INVALID,
)
NOT_THEIRS: Final = Problem(
    "identity_token_not_theirs",
    403,
    "The address names another than the token does.",
    "Name in the query whom the token is of, or leave it out.",
)
REVOKED: Final = Problem(
    "identity_token_revoked",
    401,
    "The token counts no more: its session has ended, or what its holder may do has changed.",
    "Refresh it, or log in again.",
    challenge=_INVALID,
)
EARLY: Final = Problem(
    "identity_token_early",
    401,
    "The token is not valid yet.",
    "Wait, or set the clock of whoever has issued it.",
    challenge=_INVALID,
)
LASTING: Final = Problem(
    "identity_token_lasting",
    401,
    "The token lives longer than tokens may.",
    "Get one whose `exp` is nearer; the operator says how long tokens of this issuer may live.",
    challenge=_INVALID,
)
ELSEWHERE: Final = Problem(
    "identity_token_elsewhere",
    401,
    "The token is for somebody else.",
    "Get a token for this gateway: its `iss` and `aud` must be those of the configuration.",
    challenge=_INVALID,
)
PURPOSE: Final = Problem(
    "identity_token_purpose",
    401,
    "The token is not one for access.",
    "Send the access token; a refresh token is for whoever has issued it alone.",
    challenge=_INVALID,
)
NOBODY: Final = Problem(
    "identity_token_nobody",
    401,
    "The token does not say whose it is, or says something that is not understood.",
    "Have the issuer put a text into the claim of the subject, and claims as RFC 7519 has them.",
    challenge=_INVALID,
)
KEY_UNKNOWN: Final = Problem(
    "identity_key_unknown",
    401,
    "The API key is not known, or counts no more.",
    "Check that it is whole. Whoever runs the gateway can make another.",
    challenge=_INVALID,
)
KEY_EXPIRED: Final = Problem(
    "identity_key_expired",
    401,
    "The API key has expired.",
    "Have whoever runs the gateway make another.",
    challenge=_INVALID,
)
TICKET_INVALID: Final = Problem(
    "identity_ticket_invalid",
    401,
    "The ticket is none, or has expired.",
    "Get another at `/api/v1/auth/ticket`, and use it at once.",
    challenge=_INVALID,
)
TICKET_ELSEWHERE: Final = Problem(
    "identity_ticket_elsewhere",
    401,
    "The ticket is for another path.",
    "Get one for the path that you ask for.",
    challenge=_INVALID,
)
TICKET_USED: Final = Problem(
    "identity_ticket_used",
    401,
    "The ticket has been used before.",
    "Get another: each opens one connection. If you have not used it, somebody else has.",
    challenge=_INVALID,
)
TICKET_AWAY: Final = Problem(
    "identity_ticket_unavailable",
    503,
    "It cannot be told at the moment whether the ticket has been used.",
    "Try again with another ticket when Retry-After says, or show the access token.",
    retry_after=2,
)
LOGIN_REFUSED: Final = Problem(
    "identity_login_refused",
    401,
    "Name or password are not right.",
    "Check both. Who has forgotten the password asks whoever looks after the accounts.",
)
LOGIN_WAITING: Final = Problem(
    "identity_login_waiting",
    429,
    "Too many logins have failed.",
    "Try again when Retry-After says; each further failure doubles the wait.",
    retry_after=5,
)
LOGIN_BUSY: Final = Problem(
    "identity_login_busy",
    503,
    "Too many want to log in at this moment.",
    "Try again when Retry-After says. Whoever is logged in is not concerned.",
    retry_after=2,
)
LOGIN_AWAY: Final = Problem(
    "identity_login_away",
    503,
    "The service that keeps the accounts cannot be asked at the moment.",
    "Try again when Retry-After says: it has nothing to do with name or password, and does not "
    "count as a failed login. Whoever is logged in is not concerned.",
    retry_after=5,
)
LOGIN_SECOND_FACTOR: Final = Problem(
    "identity_login_second_factor",
    403,
    "The account asks for a second factor, and second factors of accounts that a service keeps "
    "cannot be shown here yet.",
    "Log in at the service itself, or ask whoever looks after the accounts.",
)
FACTOR_NEEDED: Final = Problem(
    "identity_second_factor_needed",
    401,
    "A second factor is needed.",
    "Log in at `/api/v1/auth/login`, which says what to show, and show it at "
    "`/api/v1/auth/mfa/verify`.",
)
FACTOR_REFUSED: Final = Problem(
    "identity_second_factor_refused",
    401,
    "The second factor is not right.",
    "Each code counts once, and for a minute and a half: wait for the next one, and see that the "
    "device's clock is right. Who has lost the device shows a recovery code.",
)
FACTOR_WAITING: Final = Problem(
    "identity_second_factor_waiting",
    429,
    "Too many second factors have been wrong.",
    "Try again when Retry-After says; each further failure doubles the wait.",
    retry_after=5,
)
CHALLENGE_MISSING: Final = Problem(
    "identity_challenge_missing",
    400,
    "Nothing says which login this is the second factor of.",
    "Send the `mfa_token` of the login. Pages that come back from a provider have it in a cookie, "
    "for five minutes: log in again.",
)
CHALLENGE_INVALID: Final = Problem(
    "identity_challenge_invalid",
    401,
    "What this belongs to is over, has been used, or was for something else.",
    "Begin again: log in, or ask for it once more.",
)
FACTOR_MISSING: Final = Problem(
    "identity_second_factor_missing",
    403,
    "You have no second factor.",
    "Enrol one: `POST /api/v1/auth/mfa/totp` or `/api/v1/auth/mfa/webauthn/options`.",
)
FACTOR_TAKEN: Final = Problem(
    "identity_second_factor_taken",
    409,
    "This cannot be added.",
    "It is enrolled already, or ten are, or one was added meanwhile: see "
    "`/api/v1/auth/mfa/factors`.",
)
FACTOR_UNKNOWN: Final = Problem(
    "identity_second_factor_unknown",
    404,
    "You have no such second factor.",
    "`/api/v1/auth/mfa/factors` names those that you have.",
)
FACTOR_STAYS: Final = Problem(
    "identity_second_factor_stays",
    409,
    "Your roles need a second factor, and this is the only one.",
    "Enrol another one first.",
)
AUTHENTICATION_WEAK: Final = Problem(
    "identity_authentication_insufficient",
    401,
    "Who changes second factors has to show once more who they are.",
    "Whoever has one shows it at `/api/v1/auth/step-up`; who has none yet logs in again. "
    "WWW-Authenticate says what is asked (RFC 9470).",
    challenge='Bearer error="insufficient_user_authentication"',
)


def step_up(level: int, fresh: int) -> Problem:
    """Return that somebody must be proved so well, and not longer ago than that."""
    asked = f'{AUTHENTICATION_WEAK.challenge}, acr_values="{level}", max_age="{fresh}"'
    return replace(AUTHENTICATION_WEAK, challenge=asked)


REGISTRATION_OFF: Final = Problem(
    "identity_registration_off",
    403,
    "Nobody can register here.",
    "Ask whoever looks after the accounts for one.",
)
REGISTRATION_WAITING: Final = Problem(
    "identity_registration_waiting",
    429,
    "Too many have tried to register from there.",
    "Try again when Retry-After says; each further try doubles the wait. An invitation is not "
    "counted.",
    retry_after=5,
)
INVITATION_NEEDED: Final = Problem(
    "identity_invitation_needed",
    403,
    "Who registers here has been invited.",
    "Send the code of the invitation (`invitation`). Whoever looks after the accounts makes one.",
)
INVITATION_INVALID: Final = Problem(
    "identity_invitation_invalid",
    403,
    "The invitation is none, has been used, or is over.",
    "Check that the code is whole, or have whoever looks after the accounts make another.",
)
NAME_TAKEN: Final = Problem(
    "identity_name_taken",
    409,
    "Somebody has that name.",
    "Choose another.",
)
NAME_WRONG: Final = Problem(
    "identity_name_wrong",
    422,
    "That cannot be a name.",
    "A name has 3 to 50 characters, without spaces, colons and slashes.",
)
PASSWORD_WEAK: Final = Problem(
    "identity_password_weak",
    422,
    "The password would be guessed.",
    "Choose a longer one: several words, say, that have nothing to do with each other.",
)
PASSWORD_WRONG: Final = Problem(
    "identity_password_wrong",
    403,
    "The current password is not right.",
    "Check it; who has forgotten it asks whoever looks after the accounts for a code.",
)
RESET_INVALID: Final = Problem(
    "identity_reset_invalid",
    403,
    "The code is none, has been used, or is over.",
    "Check that it is whole, or have whoever looks after the accounts make another: each is good "
    "for an hour, once, and the last one counts.",
)
NOT_SERVED: Final = Problem(
    "identity_not_served",
    501,
    "This is not there for accounts that a service keeps: it would not know the token.",
    "Passwords and second factors are changed at the service itself; users and sessions are shown "
    "by the gateway's administration.",
)
STORE_UNAVAILABLE: Final = Problem(
    "identity_store_unavailable",
    503,
    "Users and sessions cannot be asked at the moment.",
    "Try again when Retry-After says: access tokens go on to count meanwhile.",
    retry_after=2,
)
REFRESH_MISSING: Final = Problem(
    "identity_refresh_missing",
    401,
    "There is no refresh token.",
    'Send `{"refresh_token": …}`, or the cookie of the login; else log in.',
)
REFRESH_INVALID: Final = Problem(
    "identity_refresh_invalid",
    401,
    "The refresh token is not known.",
    "Log in again.",
)
REFRESH_REUSED: Final = Problem(
    "identity_refresh_reused",
    401,
    "The refresh token has been used before, by somebody: its session has been ended.",
    "Log in again. If it happens again, somebody else has what your device keeps.",
)
SESSION_OVER: Final = Problem(
    "identity_session_over",
    401,
    "The session has ended.",
    "Log in again.",
)
SESSION_UNKNOWN: Final = Problem(
    "identity_session_unknown",
    404,
    "There is no such session.",
    "`/api/v1/auth/sessions` names those that last.",
)
NOT_OURS: Final = Problem(
    "identity_session_elsewhere",
    403,
    "The token is of another issuer: its session is not kept here.",
    "Ask whoever has issued it.",
)
OF_A_CLIENT: Final = Problem(
    "identity_client_token",
    403,
    "A program that somebody has let in may not do this for them.",
    "Log in at the gateway itself, and do it there.",
)
NO_PERSON: Final = Problem(
    "identity_no_person",
    403,
    "Nobody has logged in for this: it is a program's own.",
    "Log in at the gateway, and send the access token of that login.",
)
ORIGIN_REFUSED: Final = Problem(
    "identity_origin_refused",
    403,
    "A page of another origin may not use this cookie.",
    "Call from a page of the gateway's own origin, or have the operator name yours in "
    "`cors.origins`.",
)
EXTERNAL_UNKNOWN: Final = Problem(
    "identity_external_unknown",
    404,
    "There is no such login provider.",
    "`/api/v1/auth/external` names those that there are.",
)
EXTERNAL_RETURN: Final = Problem(
    "identity_external_return",
    400,
    "Nobody may be sent there after a login.",
    "Give `return_to` as a path of the gateway (`/app`), or as the whole URL of a page whose "
    "origin the operator has named in `cors.origins`.",
)
EXTERNAL_STATE: Final = Problem(
    "identity_external_state",
    400,
    "This answer belongs to no login that this browser has under way: it has taken too long, has "
    "been used before, or has begun elsewhere.",
    "Begin the login again, in this browser, with cookies allowed.",
)
EXTERNAL_DENIED: Final = Problem(
    "identity_external_denied",
    403,
    "The login provider has not let anybody in: it was broken off there, or is not allowed.",
    "Begin the login again, or choose another way to log in.",
)
EXTERNAL_REFUSED: Final = Problem(
    "identity_external_refused",
    502,
    "What the login provider says does not hold: nobody has been logged in.",
    "Begin the login again. If it happens again, tell whoever looks after this service: the "
    "gateway's log says what was wrong.",
)
EXTERNAL_ACCOUNT: Final = Problem(
    "identity_external_account",
    403,
    "This account may not be used here.",
    "Ask whoever looks after the accounts.",
)
EXTERNAL_AWAY: Final = Problem(
    "identity_external_away",
    503,
    "The login provider cannot be asked at the moment.",
    "Try again in a while, or choose another way to log in. Whoever is logged in is not concerned.",
    retry_after=10,
)
EXTERNAL_BUSY: Final = Problem(
    "identity_external_busy",
    503,
    "Too many want to log in at this moment.",
    "Try again when Retry-After says. Whoever is logged in is not concerned.",
    retry_after=2,
)
LOGOUT_TOKEN: Final = Problem(
    "identity_logout_token",
    400,
    "The logout token is not believed, or has been shown before.",
    "Send `logout_token` as OpenID Connect Back-Channel Logout 1.0 has it (a form), once.",
)
