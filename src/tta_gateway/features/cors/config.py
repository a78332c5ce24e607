"""What an operator may write about pages of other origins."""

import re
from typing import Annotated, Final, cast

from pydantic import AfterValidator, ValidationInfo, WithJsonSchema, field_validator

from tta_gateway.features.cors.bound import CorsBound
from tta_gateway.support.config import Config, DurationOrZero, FieldName, Items, Method

_DEFAULT = CorsBound()
# Apps have schemes of their own (`capacitor://localhost`): any scheme is allowed.
_ORIGIN: Final = re.compile(
    r"([a-z][a-z0-9+.\-]*)://(?:[a-z0-9._\-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?"
)
_DEFAULT_PORTS: Final = {("http", "80"), ("https", "443")}


def _origin(text: str) -> str:
    if text == "*":
        return text
    if text == "null":
        raise ValueError(
            "the origin `null` is every sandboxed page's, so that allowing it allows anybody: "
            "name the pages' own origins"
        )
    match = _ORIGIN.fullmatch(text)
    if match is None:
        raise ValueError(
            f"`{text}` is not an origin: write `scheme://host` or `scheme://host:port` in lower "
            "case, without a path or a slash at the end"
        )
    if (match[1], match[2]) in _DEFAULT_PORTS:
        raise ValueError(
            f"browsers leave out the default port: write `{text.removesuffix(':' + match[2])}`"
        )
    return text


def _whole(seconds: float) -> float:
    if seconds != int(seconds):
        raise ValueError("must be whole seconds: browsers are told no fractions")
    return seconds


Origin = Annotated[
    str, AfterValidator(_origin), WithJsonSchema({"title": "origin", "type": "string"})
]


class CorsConfig(Config):
    """Which pages of other origins may read answers; no origins, and the feature is off."""

    origins: Items[Origin] = _DEFAULT.origins
    """Origins whose pages may read answers; `*` is every one."""

    credentials: bool = _DEFAULT.credentials
    """Whether those pages may send cookies and credentials; not together with `*`."""

    methods: Items[Method] = cast("tuple[Method, ...]", _DEFAULT.methods)  # its test compares
    """Methods that those pages may use."""

    headers: Items[FieldName] = _DEFAULT.headers
    """Request headers that those pages may send; none written, and whatever they ask for."""

    expose: Items[FieldName] = ()
    """Headers of answers that those pages may read, beside the few that every page may and
    `X-Crisis-Support`."""

    max_age: Annotated[DurationOrZero, AfterValidator(_whole)] = _DEFAULT.max_age
    """How long a browser may remember the answer to a preflight."""

    @field_validator("credentials")
    @classmethod
    def _not_for_everybody(cls, credentials: bool, info: ValidationInfo) -> bool:
        if credentials and "*" in info.data.get("origins", ()):
            raise ValueError(
                "every page of the web could act in a person's name: with credentials, name the "
                "origins instead of `*`"
            )
        return credentials


def compile(config: CorsConfig) -> CorsBound:
    """Return what a worker needs of it."""
    return CorsBound(
        origins=config.origins,
        credentials=config.credentials,
        methods=config.methods,
        headers=config.headers,
        expose=tuple(dict.fromkeys((*config.expose, *_DEFAULT.expose))),
        max_age=int(config.max_age),
    )
