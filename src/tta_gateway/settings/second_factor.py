"""Second factors, as operators write them."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from tta_gateway.features.identity.bound import SecondFactor
from tta_gateway.settings import access
from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value
from tta_gateway.settings.nearest import nearest
from tta_gateway.support.config import Config, Duration, DurationOrZero, Items, Line

_DEFAULT: Final = SecondFactor()
_FRESHEST: Final = 60.0  # seconds: nobody types faster
Role: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


def _origin(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("https", "http") or f"{parts.scheme}://{parts.netloc}" != text:
        raise ValueError("must be the origin of a page: `https://host`, without a path")
    return text


class StepUpConfig(Config):
    """What routes ask for clinical content, and those for administrative roles alone."""

    fresh: Annotated[Duration, Field(ge=_FRESHEST)] | None = None
    """How long ago the second factor may have been shown; left out, for as long as the session."""


class SecondFactorConfig(Config):
    """Second factors of users: one-time codes, security keys and passkeys."""

    required_roles: Items[Role] = ()
    """The roles of which nobody gets a session without one: who has none yet is let in to enrol
    one, and for nothing else."""

    within: DurationOrZero = _DEFAULT.within
    """How long somebody who has been granted such a role may go on without one."""

    step_up: StepUpConfig | None = None
    """Whether routes for clinical content, and those for administrative roles alone, ask for a
    second factor where they say nothing of it: `{fresh: 15m}`."""

    fresh: Annotated[Duration, Field(ge=_FRESHEST)] = _DEFAULT.fresh
    """How long ago whoever adds or removes a factor must have shown one, or logged in."""

    name: Line | None = None
    """What authenticators call this gateway; left out, the host of `url`."""

    rp_id: Line | None = None
    """The domain that security keys are for (WebAuthn's RP ID); left out, the host of `url`.  Who
    changes it makes all of them useless."""

    origins: Items[Annotated[Line, AfterValidator(_origin)]] = ()
    """The pages that may ask for security keys; left out, those of `url`."""

    @model_validator(mode="after")
    def _are_below(self) -> "SecondFactorConfig":
        for one in self.origins if self.rp_id else ():
            host = urlsplit(one).hostname or ""
            if host != self.rp_id and not host.endswith(f".{self.rp_id}"):
                raise ValueError(
                    f"`origins` names {one}, which is not below `rp_id`: no browser would ask there"
                )
        return self


def compile(config: SecondFactorConfig, url: str) -> SecondFactor:
    """Return it as control needs it; `url` is the one at which clients reach the gateway."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return SecondFactor(
        required_roles=config.required_roles,
        within=config.within,
        name=config.name or host,
        rp_id=config.rp_id or host,
        origins=config.origins or (f"{parts.scheme}://{parts.netloc}",),
        fresh=config.fresh,
    )


_Tree: TypeAlias = Mapping[str, Value]


def complaints(tree: _Tree) -> Iterator[tuple[Path, str]]:
    """Complain about roles that nobody has, and routes that nobody could ever reach."""
    identity = _mapping(tree.get("identity"))
    written = _mapping(_mapping(identity.get("issuing")).get("second_factor"))
    required = _list(written, "required_roles")
    known = access.roles(tree) if required else set()
    for at, role in enumerate(required):
        if isinstance(role, str) and role not in known:
            place = ("identity", "issuing", "second_factor", "required_roles", at)
            yield place, f"there is no role `{role}`: {nearest(role, known)}"
    if "issuing" in identity or any(
        2 in _mapping(_mapping(one).get("levels")).values() for one in _list(identity, "issuers")
    ):
        return
    for at, route in enumerate(_list(tree, "routes")):
        if _mapping(_mapping(route).get("access")).get("level") == 2:
            yield (
                ("routes", at, "access", "level"),
                "nobody can show a second factor: write `identity: {issuing: …}`, or `levels` of "
                "an issuer whose `acr` counts",
            )


def _list(tree: _Tree, name: str) -> list[Value]:
    found = tree.get(name)
    return found if isinstance(found, list) else []


def _mapping(value: Value) -> _Tree:
    return value if isinstance(value, dict) else {}
