"""What an operator may write about who is let in first."""

from typing import Annotated, Final, TypeAlias

from pydantic import Field, WithJsonSchema, model_validator

from tta_gateway.features.admission.bound import AdmissionBound
from tta_gateway.kernel.traffic import CLASSES
from tta_gateway.support.config import Config, Duration, Items

_DEFAULT: Final = AdmissionBound()
_MOST: Final = 90  # per cent: the rest is for whoever comes, so that no class starves

Share: TypeAlias = Annotated[
    int,
    Field(ge=0, le=_MOST),
    WithJsonSchema({"title": f"per cent, 0 to {_MOST}", "type": "integer"}),
]
_Role: TypeAlias = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$"),
    WithJsonSchema({"title": "name of a role", "type": "string"}),
]


def _in_order(config: Config) -> tuple[int, ...]:
    return tuple(int(getattr(config, one)) for one in CLASSES)


class ReservedConfig(Config):
    """Per cent of the room at each service that is kept for a class, 90 in all at most."""

    crisis: Share = _DEFAULT.reserved[0]
    """For who is in a crisis; at least one place."""

    therapeutic: Share = _DEFAULT.reserved[1]
    """For what is therapeutic."""

    standard: Share = _DEFAULT.reserved[2]
    """For what else people wait for."""

    background: Share = _DEFAULT.reserved[3]
    """For what nobody waits for."""

    @model_validator(mode="after")
    def _leaves_some(self) -> "ReservedConfig":
        if sum(_in_order(self)) > _MOST:
            raise ValueError(
                f"keeps {sum(_in_order(self))} per cent in all: write {_MOST} at most, so that "
                "there is room that any class can have"
            )
        return self


class PatienceConfig(Config):
    """How long a request may wait for room at its service; then it is turned away."""

    crisis: Duration = _DEFAULT.patience[0]
    """In a crisis."""

    therapeutic: Duration = _DEFAULT.patience[1]
    """Where it is therapeutic."""

    standard: Duration = _DEFAULT.patience[2]
    """Where people wait for it."""

    background: Duration = _DEFAULT.patience[3]
    """Where nobody does."""


class AdmissionConfig(Config):
    """Who is let in first at a service that has more to do than it can."""

    enabled: bool = _DEFAULT.enabled
    """Whether anybody waits or is turned away; classes are told to services in any case."""

    reserved: ReservedConfig = ReservedConfig()
    """What is kept for each class."""

    patience: PatienceConfig = PatienceConfig()
    """How long each class may wait."""

    waiting: Annotated[int, Field(ge=1, le=100_000)] = _DEFAULT.waiting
    """How many wait for a service in one worker, at most; of crises and therapy more may, as long
    as the service answers in time all who are in and who wait."""

    least: Annotated[int, Field(ge=1, le=1000)] = _DEFAULT.least
    """How much one worker may always ask of a service at once, however badly it does."""

    administrative_roles: Items[_Role] = _DEFAULT.administrative
    """Roles of administration: the requests of callers who have no others are `standard` at most,
    so that they wait for therapeutic ones."""


def compile(config: AdmissionConfig) -> AdmissionBound:
    """Return what a worker needs of it."""
    return AdmissionBound(
        enabled=config.enabled,
        reserved=_in_order(config.reserved),
        patience=tuple(float(getattr(config.patience, one)) for one in CLASSES),
        waiting=config.waiting,
        least=config.least,
        administrative=config.administrative_roles,
    )
