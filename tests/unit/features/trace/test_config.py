"""What an operator may write about tracing."""

from tta_gateway.features.trace.bound import TraceBound
from tta_gateway.features.trace.config import TraceConfig, compile


def test_there_is_nothing_to_set() -> None:
    assert compile(TraceConfig()) == TraceBound()
