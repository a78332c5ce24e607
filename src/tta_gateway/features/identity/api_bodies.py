"""What the endpoints for clients take and give, in the shapes of the platform."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tta_gateway.features.identity.password import LONGEST


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class LoginBody(_Body):
    """Who wants to log in."""

    username: Annotated[str, Field(max_length=512)]
    password: Annotated[str, Field(max_length=LONGEST, repr=False)]
    refresh_in: Literal["cookie", "body"] | None = None
    """Where the refresh token is to be; left out, in a cookie for pages, else in the body."""


class RegisterBody(_Body):
    """Who makes an account; what else is said, of roles above all, is passed over."""

    username: Annotated[str, Field(max_length=512)]
    password: Annotated[str, Field(max_length=LONGEST, repr=False)]
    invitation: Annotated[str, Field(max_length=256, repr=False)] = ""
    """The code of an invitation."""


class RegisteredTold(_Body):
    """An account that has been made."""

    message: str
    user_id: str
    username: str
    email: str = ""
    role: str
    roles: list[str]


class RefreshBody(_Body):
    """What renews an access token; left out, the cookie does."""

    refresh_token: Annotated[str, Field(repr=False)] = ""


class UserTold(_Body):
    """A user as they are told of themselves; `role` is the first of theirs that is not `player`."""

    user_id: str
    username: str
    email: str = ""
    role: str
    roles: list[str]
    permissions: list[str] = []


class TokenTold(_Body):
    """An access token, and what renews it; `refresh_token` is empty where a cookie holds it."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a word of RFC 6749
    expires_in: int
    mfa_required: bool = False
    mfa_challenge: None = None
    user: UserTold
    user_info: UserTold


class MeTold(UserTold):
    """A user, and the session that the token is of."""

    mfa_enabled: bool = False
    mfa_verified: bool = False
    last_login: str | None = None
    session_id: str | None = None


class VerifiedTold(UserTold):
    """Whose token it is; `expires_at` is None for one that does not end."""

    valid: Literal[True] = True
    mfa_verified: bool = False
    expires_at: str | None


class StatusTold(_Body):
    """Whether a browser is logged in; `auth_method` and `user` are None where it is not."""

    authenticated: bool
    auth_method: Literal["session"] | None = None
    user: UserTold | None = None


class PermissionsTold(_Body):
    """What somebody may do."""

    role: str
    permissions: list[str]
    is_admin: bool
    is_therapist: bool


class SessionTold(_Body):
    """A session that lasts; `used` is when its access token was renewed last."""

    id: str
    begun: str
    used: str
    ends: str
    current: bool


class SessionsTold(_Body):
    """All of them, the newest first."""

    sessions: list[SessionTold]


class Said(_Body):
    """That something is done."""

    message: str


class EndedTold(Said):
    """How many sessions have been ended."""

    sessions: int
