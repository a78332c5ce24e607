"""What a worker needs to count."""

import msgspec


class MetricsBound(msgspec.Struct, frozen=True, kw_only=True):
    """The upper bounds of the duration histogram, in seconds."""

    buckets: tuple[float, ...] = (
        0.001,
        0.0025,
        0.005,
        0.01,
        0.025,
        0.05,
        0.1,
        0.25,
        0.5,
        1.0,
        2.5,
        5.0,
        10.0,
    )
