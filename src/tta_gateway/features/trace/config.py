"""What an operator may write about tracing: nothing yet."""

from tta_gateway.features.trace.bound import TraceBound
from tta_gateway.support.config import Config


class TraceConfig(Config):
    """Ids of requests and traces; there is nothing to set yet."""


def compile(config: TraceConfig) -> TraceBound:  # noqa: ARG001 - the same in every feature
    """Return what a worker needs of it."""
    return TraceBound()
