"""Elsewhere: incidents of all nodes, for whoever asks at this one.

What this node's guard has, it alone says and does: it is first to know.  All else is read in the
database, and what somebody does about it is kept there, durable, before they are answered; the
node that has the incident hears of it within a second.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tta_gateway.features.escalation.algorithm import Impossible
from tta_gateway.features.escalation.api import Answer
from tta_gateway.features.escalation.bound import Act, Incident
from tta_gateway.features.escalation.desk import MOST, NEWEST, act_shown, report_shown
from tta_gateway.features.escalation.register import Register, Whole
from tta_gateway.features.escalation.wording import shown, stamp

_EVIDENCE: Final = 1000
"""texts that are shown of an incident, the newest"""
_OTHERS: Final = "Incidents of other nodes cannot be asked for at the moment: ask again."


class Elsewhere:
    """What all nodes have."""

    def __init__(
        self,
        register: Callable[[], Register],
        *,
        node: Callable[[], str],
        wall: Callable[[], float],
    ) -> None:
        """`register` raises Unavailable; `node` is this one's name to others."""
        self._register = register
        self._node = node
        self._wall = wall

    async def list(self, question: Mapping[str, Any], local: Sequence[Answer]) -> Answer:
        """List them, with what the guard says of its own; Away or Unavailable."""
        most, skip = min(question.get("most", MOST), MOST), question.get("skip", 0)
        page = await self._register().page(most, all=bool(question.get("all")), skip=skip)
        own = {one["id"]: one for one in local if is_own(one)}
        found = [own.get(one.id) or shown(one) for one in page]
        first = []
        if skip == 0:
            there = {one.id for one in page}
            is_last = len(page) < most
            first = [
                one
                for id, one in own.items()
                if id not in there and (is_last or one["next_call_at"])
            ]
        return {"incidents": first + found, "passed": len(page)}

    async def show(self, question: Mapping[str, Any]) -> Answer | None:
        """Show one; None if no node has said that there is one.  Away or Unavailable."""
        whole = await self._register().one(str(question["incident"]), NEWEST)
        if whole is None:
            return None
        told = {"incident": _shown(whole.incident, whole.node)}
        return told if question.get("alone") else {**told, **_parts(whole)}

    async def act(self, question: Mapping[str, Any]) -> Answer | None:
        """Do something about one; None as above.  Away, Unavailable or Impossible."""
        act = Act(
            id=question["id"],
            incident=question["incident"],
            does=question["does"],
            by=question["by"],
            at=self._wall(),
            to=question.get("to", ""),
            text=question.get("text", ""),
        )
        register = self._register()
        after = await register.act(act, self._node())
        if after is None:
            return None
        told: Answer = {"incident": shown(after)}
        if act.does == "read_evidence":
            whole = await register.one(after.id, _EVIDENCE)
            reports = () if whole is None else whole.reports
            told["evidence"] = [
                {"report": one.id, "sealed": base64.b64encode(one.evidence).decode()}
                for one in reports
                if one.evidence
            ]
        return told


def is_own(incident: Mapping[str, Any]) -> bool:
    """Tell whether the guard that says so goes on with an incident, as a whole."""
    return not incident["holder"] and not incident["part_of"]


def refused(error: Exception) -> Answer:
    """Return what is answered to who asks for what is not here."""
    if isinstance(error, Impossible):
        return {"error": {"status": 409, "detail": f"That cannot be done: {error}."}}
    return {"error": {"status": 503, "detail": _OTHERS}}


def _shown(incident: Incident, node: str) -> Answer:
    return {**shown(incident), "node": node}


def _parts(whole: Whole) -> Answer:
    return {
        "reports": [report_shown(one) for one in whole.reports],
        "notices": [
            {
                "id": one.call,
                "contact": one.contact,
                "number": one.number,
                "confirmed_at": stamp(one.confirmed),
            }
            for one in whole.notices
            if one.confirmed
        ],
        "owed": [
            {"id": one.call, "contact": one.contact, "number": one.number, "tries": None}
            for one in whole.notices
            if not one.confirmed
        ],
        "acts": [act_shown(one) for one in whole.acts],
    }
