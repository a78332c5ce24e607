"""What an operator may write about the access log."""

from typing import Literal

from tta_gateway.features.access_log.bound import AccessLogBound
from tta_gateway.support.config import Config, Line

_DEFAULT = AccessLogBound()


class AccessLogConfig(Config):
    """One line a request, with its times, sizes and ids; never what a person wrote."""

    path: Line = _DEFAULT.path
    """The file that lines are added to; `-` is standard output."""

    enabled: bool = _DEFAULT.enabled
    """Whether lines are written at all."""

    paths: Literal["template", "whole"] = _DEFAULT.paths
    """`template` writes the path of the route, as it stands there, and nothing where no route is
    met; `whole` writes what was asked, and with it the names and numbers of people in it."""


def compile(config: AccessLogConfig) -> AccessLogBound:
    """Return what a worker needs of it."""
    return AccessLogBound(path=config.path, enabled=config.enabled, paths=config.paths)
