"""What a worker needs to write the access log."""

from typing import Literal

import msgspec


class AccessLogBound(msgspec.Struct, frozen=True, kw_only=True):
    """Where the lines go; `-` is standard output.  `paths`: what they say of a path."""

    path: str = "-"
    enabled: bool = True
    paths: Literal["template", "whole"] = "template"
