"""What an operator may write about security headers."""

from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, field_validator

from tta_gateway.features.security_headers.bound import SecurityHeadersBound
from tta_gateway.support.config import Config, FieldName, FieldValue, Items, apart
from tta_gateway.wire.field import Kind, known

# Strict-Transport-Security leaves with encrypted answers alone, see policy.py; without subdomains,
# which may be somebody else's.
ADD: Final[dict[str, str | None]] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000",
}
REMOVE: Final = ("server", "x-powered-by")


def _over_defaults(value: object) -> object:
    """Return what is written, over the defaults: naming one field must not lose the others."""
    if not isinstance(value, dict):
        return value
    written = {str(name).lower() for name in value}
    return {name: text for name, text in ADD.items() if name not in written} | value


def _touchable(name: str) -> str:
    if known(name.encode())[1] != Kind.PLAIN:
        raise ValueError(f"`{name}` is the gateway's own to write: leave it out")
    return name


Name = Annotated[FieldName, AfterValidator(_touchable)]


class SecurityHeadersConfig(Config):
    """What every answer says to browsers, and what none gives away."""

    add: Annotated[
        dict[Name, FieldValue | None], BeforeValidator(_over_defaults), BeforeValidator(apart)
    ] = ADD
    """Headers added where the service has none; what is written here stands over the defaults,
    and null takes a default away.  `strict-transport-security` is for answers over TLS alone."""

    remove: Items[Name] = REMOVE
    """Headers taken from every answer."""

    @field_validator("remove")
    @classmethod
    def _not_added(cls, remove: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        add: dict[str, str | None] = info.data.get("add", {})
        for name in remove:
            if add.get(name) is not None:
                raise ValueError(f"`{name}` stands in `add` too: write `{name}: null` there")
        return remove


def compile(config: SecurityHeadersConfig) -> SecurityHeadersBound:
    """Return what a worker needs of it."""
    added = tuple((name, value) for name, value in config.add.items() if value is not None)
    return SecurityHeadersBound(add=added, remove=config.remove)
