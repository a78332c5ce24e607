"""What a connection may take: what nobody writes is what workers assume."""

from tta_gateway.features.realtime.bound import RealtimeBound
from tta_gateway.features.realtime.config import ConnectionConfig


def test_what_nobody_writes_is_what_workers_assume() -> None:
    config, bound = ConnectionConfig(), RealtimeBound()
    assert (config.ping, config.pong, config.stale) == (bound.ping, bound.pong, bound.stale)
    assert (config.message, config.queue) == (bound.largest, bound.queue)
    assert config.channels == bound.most_channels
