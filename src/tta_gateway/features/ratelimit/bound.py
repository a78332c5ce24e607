"""What a worker needs of limits, and what control tells it of them."""

from typing import Final, Literal

import msgspec

Of = Literal["requests", "messages", "concurrent"]
Part = Literal["user", "role", "client", "tenant", "address"]
"""What somebody is known by; a limit for each route or service has an `id` for each instead."""
PROVED: Final[frozenset[Part]] = frozenset(("user", "role", "client", "tenant"))
"""What is known of callers only once they have shown who they are."""
OVERRIDES: Final = "ratelimit/overrides"
"""The name of the live section that says what limits are instead of what was configured."""


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One limit, as it is for one route.

    `id` is the same wherever the same buckets are meant; `name` is what clients call it, `handle`
    what operators do, who have to tell it from all others.  `amount` of them in `per` seconds, at
    most `burst` at once; with `quota`, so many in each window of the clock.  `cost` is what one
    request of this route takes.  `exact`: the store is asked each time; `refuses`: without the
    store nobody is let through.
    """

    id: str
    name: str
    handle: str
    of: Of = "requests"
    amount: int
    per: float = 0.0
    burst: int = 0
    quota: bool = False
    key: tuple[Part, ...] = ()
    cost: int = 1
    exact: bool = False
    refuses: bool = False
    dry_run: bool = False
    adaptive: str = ""  # the service whose health scales it

    @property
    def is_early(self) -> bool:
        """Tell whether it can be kept before anybody has shown who they are."""
        return PROVED.isdisjoint(self.key)

    @property
    def depth(self) -> float:
        """Return how many seconds a bucket takes to be full again; 0 of what is not a rate.

        By that the store tells apart what was spent by other figures.
        """
        if self.quota or self.of == "concurrent":
            return 0.0
        return self.per / self.amount * self.burst


class RouteLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a route; with `status`, the route itself tells callers of theirs.

    With `spares` they are not kept of who is known to be in a crisis.
    """

    limits: tuple[Limit, ...] = ()
    status: bool = False
    spares: bool = False


class RateLimitBound(msgspec.Struct, frozen=True, kw_only=True):
    """All limits that there are, each as on the route where a request takes most of it.

    `keys` is how many keys of each limit a worker remembers; `tenant` and `client` are the claims
    that name them.
    """

    limits: tuple[Limit, ...] = ()
    keys: int = 50_000
    tenant: tuple[str, ...] = ("tenant",)
    client: tuple[str, ...] = ("client_id", "azp")


class Override(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a limit is instead; what is None stays as configured."""

    amount: int | None = None
    per: float | None = None
    burst: int | None = None
    dry_run: bool | None = None
    until: float = 0.0  # in seconds of the epoch; 0: until somebody takes it back


class Overrides(msgspec.Struct, frozen=True, kw_only=True):
    """The live section, by the handles of limits."""

    limits: dict[str, Override] = {}


_overrides: Final = msgspec.msgpack.Decoder(Overrides)


def overrides_of(raw: msgspec.Raw) -> Overrides:
    """Return what the section holds; msgspec.DecodeError if it is none."""
    return _overrides.decode(raw)


def changed(limit: Limit, override: Override | None) -> Limit:
    """Return a limit as it is with what somebody has said of it meanwhile.

    There is always as much as one request takes: the configuration may ask for more by now than
    when that was said (`short` tells before).
    """
    if override is None:
        return limit
    least = limit.cost if limit.quota or limit.of == "concurrent" else 1
    amount = limit.amount if override.amount is None else max(override.amount, least)
    burst = limit.burst if override.burst is None else override.burst
    if override.burst is None and override.amount is not None and limit.burst == limit.amount:
        burst = amount
    return msgspec.structs.replace(
        limit,
        amount=amount,
        per=limit.per if override.per is None else override.per,
        burst=max(burst, limit.cost),
        dry_run=limit.dry_run if override.dry_run is None else override.dry_run,
    )


def short(limit: Limit, override: Override) -> tuple[str, int] | None:
    """Return what of an override is less than one request takes, so that nobody got through.

    A rate that is slower than that is none: its bucket fills up all the same.
    """
    if override.burst is not None and override.burst < limit.cost:
        return "burst", override.burst
    amount = override.amount
    if amount is None or amount >= limit.cost:
        return None
    if limit.quota or limit.of == "concurrent":
        return "amount", amount
    # Where as much may come at once as in the whole time, the amount is the burst, too.
    follows = override.burst is None and limit.burst == limit.amount
    return ("amount", amount) if follows else None
