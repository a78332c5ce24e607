"""What the endpoints of second factors take and give."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from tta_gateway.features.identity.api_bodies import TokenTold
from tta_gateway.features.identity.challenge import LONGEST

Sealed: TypeAlias = Annotated[str, Field(max_length=LONGEST, repr=False)]
Code: TypeAlias = Annotated[str, Field(max_length=64, repr=False)]
Encoded: TypeAlias = Annotated[str, Field(max_length=32_768, pattern=r"^[A-Za-z0-9_-]*=*$")]
Label: TypeAlias = Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
Where: TypeAlias = Literal["cookie", "body"] | None


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class AssertedTold(_Body):
    """What a security key has signed, in base64url."""

    clientDataJSON: Encoded  # noqa: N815 - what WebAuthn calls it
    authenticatorData: Encoded  # noqa: N815 - likewise
    signature: Encoded
    userHandle: Encoded | None = None  # noqa: N815 - likewise


class AssertionBody(_Body):
    """What `navigator.credentials.get` gives, as `toJSON` writes it."""

    id: Encoded
    rawId: Encoded  # noqa: N815 - likewise
    type: Literal["public-key"]
    response: AssertedTold


class RegisteredTold(_Body):
    """What a security key says of itself, in base64url."""

    clientDataJSON: Encoded  # noqa: N815 - likewise
    attestationObject: Encoded  # noqa: N815 - likewise


class RegistrationBody(_Body):
    """What `navigator.credentials.create` gives, as `toJSON` writes it."""

    id: Encoded
    rawId: Encoded  # noqa: N815 - likewise
    type: Literal["public-key"]
    response: RegisteredTold


class StepUpBody(_Body):
    """A second factor, or nothing to be told what can be shown; `mfa_token` beside a key's."""

    mfa_token: Sealed = ""
    method: Literal["totp", "recovery", "webauthn"] | None = None
    code: Code = ""
    credential: AssertionBody | None = None


class VerifyBody(_Body):
    """A second factor, with the `mfa_token` of the login.

    It is left out where a provider has shown who it is: then a cookie holds it.
    """

    mfa_token: Sealed = ""
    method: Literal["totp", "recovery", "webauthn"] = "totp"
    code: Code = ""
    credential: AssertionBody | None = None
    refresh_in: Where = None


class EnrolBody(_Body):
    """Who enrols: the `mfa_token` of a login that asks for it; else the access token says."""

    mfa_token: Sealed = ""


class TotpBody(EnrolBody):
    """The code that an authenticator shows, with the `enrolment` that it is for."""

    enrolment: Sealed
    code: Code
    label: Label = ""
    refresh_in: Where = None


class KeyBody(EnrolBody):
    """What a security key has said, with the `enrolment` that it is for."""

    enrolment: Sealed
    credential: RegistrationBody
    label: Label = ""
    refresh_in: Where = None


class AskedTold(_Body):
    """What to show, and what shows it; with `enrol`, a second factor has to be enrolled first."""

    mfa_token: str
    methods: list[str]
    expires_in: int
    enrol: bool = False
    webauthn: dict[str, Any] | None = None


class ChallengeTold(_Body):
    """That a second factor is asked for: there is no token yet."""

    access_token: Literal[""] = ""
    refresh_token: Literal[""] = ""
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a word of RFC 6749
    expires_in: Literal[0] = 0
    mfa_required: Literal[True] = True
    mfa_challenge: AskedTold
    user: None = None
    user_info: None = None


class RaisedTold(_Body):
    """An access token of the same session; its refresh token stays as it is."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - likewise
    expires_in: int
    acr: str
    auth_time: int


class TotpTold(_Body):
    """What an authenticator is told: the secret, or all of it as a URI for a picture."""

    enrolment: str
    secret: str
    otpauth_uri: str
    expires_in: int


class KeyOptionsTold(_Body):
    """What a page gives `navigator.credentials.create`."""

    enrolment: str
    expires_in: int
    webauthn: dict[str, Any]


class FactorTold(_Body):
    """A second factor; `used` is when it was shown last."""

    id: str
    kind: str
    label: str
    created: str
    used: str | None


class FactorsTold(_Body):
    """All of them, the oldest first, and how many recovery codes are left."""

    factors: list[FactorTold]
    recovery_codes_left: int


class EnrolledTold(TokenTold):
    """What has been enrolled, and an access token of level 2.

    `refresh_token` is empty where a cookie holds it, or the one of before stays.
    """

    factor: FactorTold
    recovery_codes: list[str]


class CodesTold(_Body):
    """New recovery codes; the others count no more."""

    recovery_codes: list[str]
