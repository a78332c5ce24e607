"""The answer to who has shown one factor, and has to show another."""

from fastapi.responses import JSONResponse, Response

from tta_gateway.features.identity.answering import NO_STORE
from tta_gateway.features.identity.factors_bodies import AskedTold, ChallengeTold
from tta_gateway.features.identity.second_factor import Asked


def asked_told(asked: Asked) -> Response:
    """Return it, in the shape of the platform: a login without tokens, and `mfa_required`."""
    told = AskedTold(
        mfa_token=asked.token,
        methods=list(asked.methods),
        expires_in=asked.expires_in,
        enrol=not asked.methods,
        webauthn=None if asked.key is None else dict(asked.key),
    )
    return JSONResponse(ChallengeTold(mfa_challenge=told).model_dump(), headers=NO_STORE)
