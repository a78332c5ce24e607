"""What an operator may write about error records."""

from typing import Annotated, Final

from pydantic import Field

from tta_gateway.features.error_records.bound import ErrorRecordsBound
from tta_gateway.support.config import Config, Duration, Size

_DEFAULT = ErrorRecordsBound()
_LEAST: Final = 1024 * 1024
_LARGEST_BODY: Final = 64 * 1024


class ErrorRecordsConfig(Config):
    """What is kept, sealed, of exchanges that ended in an error or in an act of safety."""

    enabled: bool = _DEFAULT.enabled
    """Whether records are kept at all; what there is already goes when its time is over."""

    keep: Duration = _DEFAULT.keep
    """How long."""

    size: Annotated[Size, Field(ge=_LEAST)] = _DEFAULT.size
    """How much, of all of them together on this node; beyond that the oldest go."""

    body: Annotated[Size, Field(le=_LARGEST_BODY)] = _DEFAULT.body
    """How much of what a service has answered is kept with each, at most 64KiB."""


def compile(config: ErrorRecordsConfig) -> ErrorRecordsBound:
    """Return what is needed of it."""
    return ErrorRecordsBound(
        enabled=config.enabled, keep=config.keep, size=config.size, body=config.body
    )
