"""Refuse an order that cannot work: every fact that a policy needs is given by an earlier one."""

from collections.abc import Sequence

from tta_gateway.kernel.policy import Policy


def complaints(policies: Sequence[Policy], *, given: frozenset[str] = frozenset()) -> list[str]:
    """Return what is wrong with the order, one sentence each; nothing if it can work.

    `given` are the facts that stand on an exchange before its first policy.
    """
    known, found, seen = set(given), [], set[str]()
    for policy in policies:
        if policy.name in seen:
            found.append(f"{policy.name} stands in the order twice")
        seen.add(policy.name)
        found += [
            f"{policy.name} needs `{fact}`, which no policy before it gives"
            for fact in sorted(policy.needs - known)
        ]
        known |= policy.gives
    return found
