"""How registries are, for operators."""

import msgspec


class RegistryState(msgspec.Struct, kw_only=True):
    """How a registry is: `since` when it is reachable, or not; times since the epoch, or None.

    `reachable` is None until it has answered, or not, for the first time.  `unconfirmed` are those
    services of which what is in force was said to a control, or a gateway, before this one.
    `fault` is a fault of ours that has not been got over yet, `faults` how many there have been.
    """

    provider: str
    services: tuple[str, ...]
    reachable: bool | None = None
    since: float | None = None
    changed: float | None = None
    error: str = ""
    fault: str = ""
    faults: int = 0
    instances: dict[str, int] = {}
    unconfirmed: tuple[str, ...] = ()
