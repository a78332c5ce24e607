"""What an operator may write about attackers."""

from ipaddress import ip_network
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from tta_gateway.features.shield.bound import ShieldBound
from tta_gateway.support.config import Config, Duration, Items

_DEFAULT: Final = ShieldBound()


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError(
            f"`{text}` is not a network: write `10.0.0.0/8`, `fd00::/8` or one address"
        ) from None


_Network: TypeAlias = Annotated[
    str, AfterValidator(_network), WithJsonSchema({"title": "network", "type": "string"})
]
Points: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000)]
Rate: TypeAlias = Annotated[int, Field(ge=1, le=100_000)]


class ShieldConfig(Config):
    """Who is kept out for a while because of what comes from their address."""

    enabled: bool = _DEFAULT.enabled
    """Whether anything is counted, and anybody kept out."""

    dry_run: bool = _DEFAULT.dry_run
    """Whether all is counted and told, and nobody slowed or kept out."""

    allow: Items[_Network] = _DEFAULT.allowed
    """Networks that are counted and never kept out: clinics that share an address, and balancers
    that say nothing of their clients.  What is written takes the place of the default, this machine
    itself."""

    delay: Points = int(_DEFAULT.delay)
    """The score from which on an address waits before it is answered."""

    challenge: Points = int(_DEFAULT.challenge)
    """The score from which on it is asked by 429 to come back later."""

    block: Points = int(_DEFAULT.block)
    """The score from which on it is kept out.  A malformed request or a refused login has 4 points,
    a path that nobody serves 3; 120 connections or 460 requests of nobody a second come to 100."""

    lenience: Annotated[int, Field(ge=1, le=1000)] = int(_DEFAULT.lenience)
    """How many times as much a whole network (/24, or /48 of IPv6) may do."""

    first_block: Duration = _DEFAULT.first
    """How long the first block lasts; each further one twice as long as the last."""

    longest_block: Duration = _DEFAULT.longest
    """How long one lasts at most."""

    forgiven_after: Duration = _DEFAULT.forgiven
    """How long an address must keep quiet for its next block to be a first one."""

    person_rate: Rate = int(_DEFAULT.person_rate)
    """How many requests a second a known person may make from behind a blocked address."""

    address_rate: Rate = int(_DEFAULT.address_rate)
    """How many all known people behind one blocked address may make."""

    newcomers: Duration = _DEFAULT.newcomers
    """How old an account must be to get through a block, where its token says how old it is."""

    age_claim: Annotated[str, Field(max_length=64)] = _DEFAULT.age_claim
    """The claim by which tokens of other issuers say when an account was made, in seconds of the
    epoch; the gateway's own always say it in `account_created`.  Who shows a token without it gets
    through."""

    @model_validator(mode="after")
    def _climbs(self) -> "ShieldConfig":
        if not self.delay <= self.challenge <= self.block:
            raise ValueError(
                "the scores must climb: write `delay` at most as high as `challenge`, and that at"
                " most as high as `block`"
            )
        if self.first_block > self.longest_block:
            raise ValueError("`first_block` is longer than `longest_block`: write less")
        return self


def compile(config: ShieldConfig) -> ShieldBound:
    """Return what workers and control need of it."""
    return ShieldBound(
        enabled=config.enabled,
        dry_run=config.dry_run,
        allowed=config.allow,
        delay=float(config.delay),
        challenge=float(config.challenge),
        block=float(config.block),
        lenience=float(config.lenience),
        first=config.first_block,
        longest=config.longest_block,
        forgiven=config.forgiven_after,
        person_rate=float(config.person_rate),
        address_rate=float(config.address_rate),
        newcomers=config.newcomers,
        age_claim=config.age_claim,
    )
