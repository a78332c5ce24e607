"""Whether who has logged in comes in, must show a second factor, or may only enrol one.

    has one   needs one   since           then
    no        no          -               comes in
    no        yes         not long ago    comes in
    no        yes         long ago        may only enrol
    yes       -           -               must show it

Whoever needs one has a role of which the operator says so.
"""

from collections.abc import Iterable
from enum import Enum

from tta_gateway.features.identity.bound import SecondFactor


class Gate(Enum):
    """What somebody has to do."""

    OPEN = "open"
    CHALLENGED = "challenged"
    ENROLS = "enrols"


def needs(roles: Iterable[str], rules: SecondFactor) -> frozenset[str]:
    """Return those of the roles that nobody may have without a second factor."""
    return frozenset(roles) & frozenset(rules.required_roles)


def is_late(granted: float | None, rules: SecondFactor, *, now: float) -> bool:
    """Tell whether a role that needs one was granted too long ago; None: nobody knows when."""
    return granted is None or now - granted >= rules.within


def gate(*, has_one: bool, needs_one: bool, is_late: bool) -> Gate:
    """Return what somebody has to do."""
    if has_one:
        return Gate.CHALLENGED
    return Gate.ENROLS if needs_one and is_late else Gate.OPEN
