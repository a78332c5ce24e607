"""What is counted of logins and tokens."""

from typing import Final

from tta_gateway.support.metrics import Metric

LOGINS: Final = Metric(
    "tta_gateway_identity_logins_total",
    "counter",
    "Logins by what became of them: good, refused, waiting (too many have failed), busy, away, and "
    "of accounts that a service keeps service_away and second_factor; challenged, where a second "
    "factor is to be shown.",
    ("result",),
)
FACTORS: Final = Metric(
    "tta_gateway_identity_second_factors_total",
    "counter",
    "Second factors shown, by what became of them: good, refused, waiting (too many were wrong).",
    ("result",),
)
OAUTH: Final = Metric(
    "tta_gateway_identity_oauth_tokens_total",
    "counter",
    "What clients of OAuth have asked tokens for, by grant and by what became of it: good, or the "
    "error that they were told.",
    ("grant", "result"),
)
REFRESHES: Final = Metric(
    "tta_gateway_identity_refreshes_total",
    "counter",
    "Refresh tokens shown, by what became of them; `reused` has ended a session.",
    ("result",),
)
ISSUED: Final = Metric(
    "tta_jwt_token_generation_total", "counter", "Access tokens issued.", ("result",)
)
KEYS_AWAY: Final = Metric(
    "tta_gateway_identity_issuer_keys_away",
    "gauge",
    "1 while the keys of an issuer cannot be fetched; the last good ones stay.",
    ("issuer",),
)
KEYS_FETCHED: Final = Metric(
    "tta_gateway_identity_issuer_keys_fetched_total",
    "counter",
    "Fetches of the keys of an issuer, by what became of them: good, failed.",
    ("issuer", "result"),
)
REVOKED: Final = Metric(
    "tta_gateway_identity_revocations",
    "gauge",
    "Sessions and subjects some of whose tokens may be left, and count no more.",
)
EXTERNAL: Final = Metric(
    "tta_gateway_identity_external_logins_total",
    "counter",
    "Logins by way of a provider, by what became of them: good, state (not of this browser, or too "
    "late), denied (there), refused (what it says does not hold), account (may not be used), away, "
    "busy.",
    ("provider", "result"),
)
EXTERNAL_AWAY: Final = Metric(
    "tta_gateway_identity_external_away",
    "gauge",
    "1 while a login provider cannot be asked.",
    ("provider",),
)
EXTERNAL_LOGOUTS: Final = Metric(
    "tta_gateway_identity_external_logouts_total",
    "counter",
    "Logouts that a provider has told of, by what became of them: good, refused.",
    ("provider", "result"),
)
REGISTRATIONS: Final = Metric(
    "tta_gateway_identity_registrations_total",
    "counter",
    "Tries to register, by what became of them: good, taken (the name), invitation (none, or no "
    "good), waiting, busy, refused.",
    ("result",),
)
RECHECKS: Final = Metric(
    "tta_gateway_identity_rechecks_total",
    "counter",
    "Questions to a provider whether an account is still good, by what became of them: good, ended "
    "(its sessions end), away.",
    ("provider", "result"),
)
