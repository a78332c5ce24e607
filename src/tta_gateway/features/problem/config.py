"""What an operator may write about the gateway's own errors."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, WithJsonSchema

from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.support.config import Config

_DEFAULT = ProblemBound()
# The code of the error is appended: `https://errors.example/` + `route_not_found`.
_BASE: Final = re.compile(
    r"[a-z][a-z0-9+.\-]*:[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a~]*[/#:]"
)


def _base(text: str) -> str:
    if text != _DEFAULT.base and not _BASE.fullmatch(text):
        raise ValueError(
            f"`{text}` is not the beginning of a URI: write `{_DEFAULT.base}`, or an absolute URI "
            "that ends with `/`, `#` or `:`, such as `https://errors.example/`"
        )
    return text


class ProblemConfig(Config):
    """How the gateway words its own errors (RFC 9457)."""

    base: Annotated[
        str, AfterValidator(_base), WithJsonSchema({"title": "URI", "type": "string"})
    ] = _DEFAULT.base
    """What the `type` of an error begins with; its code follows."""

    message: bool = _DEFAULT.message
    """Whether errors hold a string `message` too, for clients that look for one."""


def compile(config: ProblemConfig) -> ProblemBound:
    """Return what a worker needs of it."""
    return ProblemBound(base=config.base, message=config.message)
