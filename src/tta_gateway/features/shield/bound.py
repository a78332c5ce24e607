"""What workers and control need to know of attackers, and what control tells of blocks."""

from typing import Final

import msgspec

SECTION: Final = "shield/blocks"
"""The name of the live section that says who is blocked."""


class ShieldBound(msgspec.Struct, frozen=True, kw_only=True):
    """When who is kept out; times in seconds, rates a second.

    `delay`, `challenge` and `block` are scores of an address; a network needs `lenience` times as
    much.  A block lasts `first`, then twice as long each time up to `longest`, until nothing has
    come for `forgiven`.  Who is `allowed` is counted and never kept out.

    A known person behind a blocked address has `person_rate`, all of an address `address_rate`;
    `fresh` tokens a second and worker are proved for that.  `newcomers` is how old an account must
    be, where its token says it: the gateway's own in `account_created`, others in `age_claim`.
    """

    enabled: bool = True
    dry_run: bool = False
    allowed: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    delay: float = 40.0
    challenge: float = 70.0
    block: float = 100.0
    lenience: float = 8.0
    pause: float = 1.0
    first: float = 60.0
    longest: float = 3600.0
    forgiven: float = 86_400.0
    person_rate: float = 2.0
    address_rate: float = 20.0
    fresh: float = 20.0
    newcomers: float = 86_400.0
    age_claim: str = "account_created"


class RouteShield(msgspec.Struct, frozen=True, kw_only=True):
    """Stands with a route that people in a crisis ask: nobody is refused there for an address."""


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """An address or network that is kept out until a time of the epoch, for the `strikes`th time.

    `by` is who said so: nobody where the gateway found it out, else an administrator.
    """

    source: str
    since: float
    until: float
    strikes: int = 1
    cause: str = ""
    by: str = ""


class Blocks(msgspec.Struct, frozen=True, kw_only=True):
    """All that are blocked, and when whom an administrator has let in again."""

    blocks: tuple[Block, ...] = ()
    lifted: dict[str, float] = {}


_blocks: Final = msgspec.msgpack.Decoder(Blocks)


def blocks_of(raw: msgspec.Raw) -> Blocks:
    """Return the blocks that a section holds; msgspec.DecodeError if it holds none."""
    return _blocks.decode(raw)
