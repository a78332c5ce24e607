"""Security keys and passkeys (WebAuthn level 2), as a second factor.

The library is loaded when somebody first has one: it takes a third of a second.  No attestation is
asked for: whose make a key is says nothing of who holds it.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import importlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tta_gateway.features.identity.bound import SecondFactor
from tta_gateway.features.identity.factor import Factor

if TYPE_CHECKING:
    from webauthn.helpers import structs

_PATIENCE: Final = 120_000  # milliseconds that a browser waits for its user
LONGEST: Final = 1023
"""Bytes of the id of a credential (WebAuthn 5.8.3, CTAP 2)."""


class Refused(Exception):
    """It proves nothing: why, in words for operators."""


class WentBack(Refused):
    """The key has signed less often than it has before: there is another one like it."""


@dataclass(frozen=True, slots=True)
class Made:
    """A key that has been registered."""

    credential: bytes = field(repr=False)
    public_key: bytes = field(repr=False)
    counter: int


async def loaded() -> None:
    """Load the library, and leave the loop to others meanwhile."""
    await asyncio.to_thread(importlib.import_module, "webauthn")


def handle_of(user_id: str) -> bytes:
    """Return what a key keeps of whose it is: nothing that says who (WebAuthn 14.6.1)."""
    return hashlib.sha256(b"tta-gateway webauthn 1 " + user_id.encode()).digest()


def creation(
    rules: SecondFactor, known: Collection[Factor], *, user_id: str, name: str, to_sign: bytes
) -> dict[str, object]:
    """Return what a page gives `navigator.credentials.create`, in JSON."""
    import webauthn
    from webauthn.helpers import structs

    return _told(
        webauthn.generate_registration_options(
            rp_id=rules.rp_id,
            rp_name=rules.name,
            user_id=handle_of(user_id),
            user_name=name,
            challenge=to_sign,
            timeout=_PATIENCE,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.DISCOURAGED
            ),
            exclude_credentials=_named(known),
        )
    )


def request(rules: SecondFactor, known: Collection[Factor], *, to_sign: bytes) -> dict[str, object]:
    """Return what a page gives `navigator.credentials.get`, in JSON."""
    import webauthn

    return _told(
        webauthn.generate_authentication_options(
            rp_id=rules.rp_id,
            challenge=to_sign,
            timeout=_PATIENCE,
            allow_credentials=_named(known),
        )
    )


def registered(rules: SecondFactor, said: Mapping[str, object], *, to_sign: bytes) -> Made:
    """Return the key that a page has registered; Refused."""
    import webauthn

    try:
        found = webauthn.verify_registration_response(
            credential=dict(said),
            expected_challenge=to_sign,
            expected_rp_id=rules.rp_id,
            expected_origin=list(rules.origins),
        )
    except Exception as error:  # noqa: BLE001 - whatever the library makes of what anybody sends
        raise Refused(_words(error)) from None
    if not 0 < len(found.credential_id) <= LONGEST:
        raise Refused("the id of the credential is too long")
    return Made(found.credential_id, found.credential_public_key, found.sign_count)


def asserted(
    rules: SecondFactor,
    said: Mapping[str, object],
    known: Collection[Factor],
    *,
    user_id: str,
    to_sign: bytes,
) -> tuple[Factor, int]:
    """Return which of somebody's keys has signed, and its counter; Refused, WentBack."""
    import webauthn

    credential = _bytes(said.get("rawId"))
    factor = next((one for one in known if one.credential == credential), None)
    if factor is None or factor.public_key is None:
        raise Refused("it is none of their keys")
    _check_handle(said, user_id)
    try:
        found = webauthn.verify_authentication_response(
            credential=dict(said),
            expected_challenge=to_sign,
            expected_rp_id=rules.rp_id,
            expected_origin=list(rules.origins),
            credential_public_key=factor.public_key,
            credential_current_sign_count=0,  # compared below, so that it can be told
        )
    except Exception as error:  # noqa: BLE001 - likewise
        raise Refused(_words(error)) from None
    counter = found.new_sign_count
    if (counter or factor.counter) and counter <= factor.counter:  # WebAuthn 7.2, step 22
        raise WentBack("its counter has gone back: there is another key like it")
    return factor, counter


def _check_handle(said: Mapping[str, object], user_id: str) -> None:
    """Refuse a key that says it is somebody else's (WebAuthn 7.2, step 6)."""
    response = said.get("response")
    told = response.get("userHandle") if isinstance(response, dict) else None
    if told and not hmac.compare_digest(_bytes(told), handle_of(user_id)):
        raise Refused("it says that it is somebody else's")


def _named(known: Collection[Factor]) -> "list[structs.PublicKeyCredentialDescriptor]":
    from webauthn.helpers import structs

    ids = [one.credential for one in known if one.credential is not None]
    return [structs.PublicKeyCredentialDescriptor(id=one) for one in ids]


def _told(
    options: "structs.PublicKeyCredentialCreationOptions"
    " | structs.PublicKeyCredentialRequestOptions",
) -> dict[str, object]:
    import webauthn

    told: dict[str, object] = json.loads(webauthn.options_to_json(options))
    return told


def _bytes(told: object) -> bytes:
    if not isinstance(told, str):
        return b""
    try:
        return base64.b64decode(told + "=" * (-len(told) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
