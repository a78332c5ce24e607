"""What an operator may write about the access log."""

from tta_gateway.features.access_log.bound import AccessLogBound
from tta_gateway.features.access_log.config import AccessLogConfig, compile


def test_nothing_written_is_the_worker_s_default() -> None:
    assert compile(AccessLogConfig()) == AccessLogBound()


def test_the_file_and_the_switch_reach_the_worker() -> None:
    config = AccessLogConfig(path="access.log", enabled=False)
    assert compile(config) == AccessLogBound(path="access.log", enabled=False)
