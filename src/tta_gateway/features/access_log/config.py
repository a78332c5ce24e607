"""What an operator may write about the access log."""

from tta_gateway.features.access_log.bound import AccessLogBound
from tta_gateway.support.config import Config, Line

_DEFAULT = AccessLogBound()


class AccessLogConfig(Config):
    """One line a request, with its times, sizes and ids; never what a person wrote."""

    path: Line = _DEFAULT.path
    """The file that lines are added to; `-` is standard output."""

    enabled: bool = _DEFAULT.enabled
    """Whether lines are written at all."""


def compile(config: AccessLogConfig) -> AccessLogBound:
    """Return what a worker needs of it."""
    return AccessLogBound(path=config.path, enabled=config.enabled)
