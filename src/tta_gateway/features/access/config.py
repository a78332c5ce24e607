"""What operators may write about roles, and about who may call a route."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from tta_gateway.features.access.algorithm import split
from tta_gateway.features.access.bound import (
    ASKED,
    REACHES,
    WHOLE,
    AccessBound,
    OwnerFrom,
    RouteAccess,
)
from tta_gateway.features.access.table import ROLES
from tta_gateway.support.config import Config, Duration, Items, Method

_PART: Final = r"[a-z][a-z0-9_-]{0,31}"
_NAME: Final = rf"^{_PART}:{_PART}$"
_HELD: Final = rf"^{_PART}:{_PART}(:(own|care|any))?$"
DEFAULT: Final = "default"
_LONGEST_KEPT: Final = 60.0  # seconds


def _named(text: str) -> str:
    """Return the name of a permission; ValueError if it ends like a reach."""
    if text.rpartition(":")[2] in REACHES:
        raise ValueError(
            f"`{text}` ends as a reach does (`own`, `care`, `any`): a permission is a thing and "
            "what is done to it, such as `progress:read`"
        )
    return text


def _role(text: str) -> str:
    if not re.fullmatch(_PART, text):
        raise ValueError(
            f"`{text}` is not the name of a role: small letters, digits, - and _ make one, and a "
            "letter begins it"
        )
    return text


def _held(text: str) -> str:
    name = split(text)[0]
    _named(name if ":" in name else text)
    return text


RoleName: TypeAlias = Annotated[
    str, AfterValidator(_role), WithJsonSchema({"title": "name of a role", "type": "string"})
]
Permission: TypeAlias = Annotated[str, Field(pattern=_NAME), AfterValidator(_named)]
Held: TypeAlias = Annotated[str, Field(pattern=_HELD), AfterValidator(_held)]
Parameter: TypeAlias = Annotated[
    str, Field(min_length=1), WithJsonSchema({"title": "name in the path", "type": "string"})
]


class RoleConfig(Config):
    """A role: what it holds."""

    extends: Items[RoleName] = ()
    """Roles whose permissions it holds too; its own name stands for what the role holds if nothing
    is written."""

    permissions: Items[Held] = ()
    """What it holds: `progress:read:care`, and behind that how far it reaches, `own`, `care` or
    `any`; left out, `any`."""


def _scope(text: str) -> str:
    if text == WHOLE:
        raise ValueError(f"`{WHOLE}` lets a client do whatever its user may: call yours otherwise")
    if ":" in text:
        raise ValueError(
            f"`{text}` is written as a permission is, and each of those is a scope already: call "
            "it otherwise"
        )
    return text


ScopeName: TypeAlias = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_.:/-]{1,128}$"),
    AfterValidator(_scope),
    WithJsonSchema({"title": "name of a scope", "type": "string"}),
]


class AccessConfig(Config):
    """Roles, and what they hold."""

    roles: dict[RoleName, RoleConfig] = Field(default_factory=dict)
    """Roles by name; one of those that are there already is replaced."""

    scopes: dict[ScopeName, Annotated[Items[Held], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    """What clients of OAuth are let do for their users, by the name of the scope, as far as the
    user may: `story: [sessions:read, sessions:write]`.  Each permission is a scope of its own, and
    `all` whatever the user may."""

    two_person: Items[RoleName] = ()
    """Roles that nobody grants alone: one person proposes it, and another approves it
    (`changes:propose`, `changes:approve`)."""

    two_person_within: Duration = 86_400.0
    """How long what is proposed may be approved."""

    @field_validator("roles")
    @classmethod
    def _end(cls, roles: dict[str, RoleConfig]) -> dict[str, RoleConfig]:
        written = {name: (one.extends, one.permissions) for name, one in roles.items()}
        for name in roles:
            unknown = [one for one in roles[name].extends if one not in roles.keys() | ROLES.keys()]
            if unknown:
                raise ValueError(f"`{name}` extends `{unknown[0]}`, which is no role")
            if _is_endless(name, written):
                raise ValueError(f"`{name}` extends itself by way of another: take one of them out")
        return roles


Written: TypeAlias = Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
"""By role: what it extends, and what it holds itself."""


def _is_endless(name: str, written: Written) -> bool:
    seen: set[str] = set()
    waiting = [one for one in written[name][0] if one != name]
    while waiting:
        other = waiting.pop()
        if other == name:
            return True
        if other not in seen and other in written:
            seen.add(other)
            waiting += [one for one in written[other][0] if one != other]
    return False


def held(written: Written) -> dict[str, tuple[str, ...]]:
    """Return what every role holds, those that are there if nothing is written included."""
    found = dict(ROLES)
    found.update({name: _of(name, written) for name in written})
    return found


def _of(name: str, written: Written) -> tuple[str, ...]:
    if name not in written:
        return ROLES.get(name, ())
    extends, own = written[name]
    inherited: list[str] = []
    for one in extends:
        inherited += ROLES.get(one, ()) if one == name else _of(one, written)
    return tuple(dict.fromkeys((*inherited, *own)))


class OwnerFromConfig(Config):
    """Where a service says whose something is, for a path that does not."""

    path: Annotated[str, Field(pattern=r"^/")]
    """Where the route's service is asked, with GET and as the caller: names in the path of the
    route stand for what they do there (`/api/v1/sessions/{session_id}/messages`)."""

    field: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """The member of the JSON object that it answers with which names the owner.  Left out, it is
    the caller's if the service answers with 2xx at all."""

    keep: Annotated[Duration, Field(le=_LONGEST_KEPT)] = 5.0
    """How long a worker goes by what it was told, at most a minute."""


class RouteAccessConfig(Config):
    """What a route asks of who calls, beside a token."""

    permission: Permission | None = None
    """The permission that is needed, whatever the method: `progress:read`."""

    permissions: dict[Method | Literal["default"], Permission] = Field(default_factory=dict)
    """Permissions by method, HEAD as GET, and `default` for all others; without it nobody may use
    them."""

    owner: Parameter | None = None
    """The name in the path that says whose data it is: the caller's own, or that of somebody whom
    the caller cares for, as far as their permission reaches."""

    owner_from: OwnerFromConfig | None = None
    """Where its service says whose data it is, for a path that does not say it: it is asked before
    the request goes there, and nobody is let in while it cannot say."""

    content: Literal["general", "clinical"] = "general"
    """Whether the content is clinical: then nobody but its owner sees it without a role that holds
    `content:clinical`."""

    level: Literal[1, 2] | None = None
    """How well the caller must have been proved: 2 is with a second factor.  Left out, as
    `identity.issuing.second_factor.step_up` says of such routes, else 1."""

    fresh: Duration | None = None
    """How long ago the caller may have been proved so; left out, for as long as the session."""

    shadow: bool = False
    """Whether what would be refused is only told, in the access log and by a metric."""

    @field_validator("permissions")
    @classmethod
    def _alone(cls, permissions: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if permissions and info.data.get("permission") is not None:
            raise ValueError("stands beside `permission`: keep one of them")
        if list(permissions) == [DEFAULT]:
            raise ValueError(f"has one for all methods: write `permission: {permissions[DEFAULT]}`")
        return permissions


def compile(config: AccessConfig) -> AccessBound:
    """Return what a worker needs of roles; nothing where none is written."""
    written = {name: (one.extends, one.permissions) for name, one in config.roles.items()}
    return AccessBound(
        roles=held(written) if written else None,
        scopes=config.scopes,
        two_person=config.two_person,
        within=config.two_person_within,
    )


def _owner_from(config: OwnerFromConfig | None) -> OwnerFrom | None:
    if config is None:
        return None
    return OwnerFrom(path=config.path, field=config.field or "", keep=config.keep)


def compile_route(config: RouteAccessConfig | None, roles: tuple[str, ...]) -> RouteAccess | None:
    """Return what a worker needs of a route; None where it asks for nothing."""
    if config is None:
        return RouteAccess(roles=roles) if roles else None
    permissions = {str(name): one for name, one in config.permissions.items()}
    return RouteAccess(
        default=permissions.pop(DEFAULT, config.permission or ""),
        permissions=permissions,
        owner=config.owner or ("" if config.owner_from is None else ASKED),
        owner_from=_owner_from(config.owner_from),
        roles=roles,
        clinical=config.content == "clinical",
        shadow=config.shadow,
        level=config.level or 0,
        fresh=config.fresh or 0.0,
    )
