"""Sinks: what they raise."""

from tta_gateway.features.alerts.sink import SinkFailed


def test_another_try_may_help_unless_it_is_said_not_to() -> None:
    assert SinkFailed("no").again
    assert (str(SinkFailed("no", again=False)), SinkFailed("no", again=False).again) == (
        "no",
        False,
    )
