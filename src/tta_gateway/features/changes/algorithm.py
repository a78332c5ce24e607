"""The states of a change, and who may bring it from one to the next."""

from collections.abc import Mapping
from enum import Enum
from typing import Final


class State(Enum):
    """How a change is."""

    PROPOSED = "proposed"
    APPLIED = "applied"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Step(Enum):
    """What may become of it."""

    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"


class Over(Exception):
    """Nothing may become of it any more."""


TABLE: Final[Mapping[tuple[State, Step], State]] = {
    (State.PROPOSED, Step.APPROVE): State.APPLIED,
    (State.PROPOSED, Step.REJECT): State.REJECTED,
    (State.PROPOSED, Step.WITHDRAW): State.WITHDRAWN,
    (State.PROPOSED, Step.EXPIRE): State.EXPIRED,
}
"""Whatever does not stand here raises `Over`."""


def after(state: State, step: Step) -> State:
    """Return the state behind a step; Over if there is none."""
    found = TABLE.get((state, step))
    if found is None:
        raise Over(state.value)
    return found


def refusal(step: Step, *, by: str, proposer: str) -> str:
    """Return why somebody may not take a step, in words; nothing if they may."""
    if step is Step.WITHDRAW:
        return "" if by == proposer else "Only who has proposed a change withdraws it: reject it."
    if step is Step.EXPIRE:
        return ""
    if is_same(by, proposer):
        return "You have proposed it yourself: somebody else decides. You may withdraw it."
    return ""


def is_same(one: str, other: str) -> bool:
    """Tell whether two subjects may be one person.

    Behind `issuer:` stands the subject that somebody has there: who is called the same by two
    issuers is taken for one person, because nobody could prove that it is not.
    """
    return one == other or one.rpartition(":")[2] == other.rpartition(":")[2]
