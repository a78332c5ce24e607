"""Whatever happens to two nodes: who is in need is called about until somebody answers.

Nodes are killed, sleep and are cut off from the database, and their clocks differ; people answer at
any of them, by what they see there.  Once that is over, each incident has one node that calls about
it; no report is lost, and none is in two; nobody sends a notice twice while it has the incident.
Who has written what no responder could know of is called about.
"""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.helpers.incident_nodes import Node, Nodes
from tests.helpers.incidents import LADDER, a_report
from tta_gateway.features.escalation.algorithm import is_alarming
from tta_gateway.features.escalation.bound import Does
from tta_gateway.features.escalation.tenure import LEASE
from tta_gateway.support.sql.url import in_folder

pytestmark = pytest.mark.e2e
WHICH = st.integers(0, 1)
PEOPLE = st.sampled_from(("ada", "bob"))
SKEW = 90.0
LATE = LADDER.rungs[0].within + SKEW
"""Seconds after an answer from which on a message is called about, whatever node it comes to."""


class TwoNodes(RuleBasedStateMachine):
    """Two guards as they are, and the database."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        at = Path(self.folder.name)
        self.nodes = Nodes(at, in_folder(at), skews=(0.0, SKEW))
        self.run(self.nodes.__aenter__())
        self.away: set[int] = set()  # killed, or asleep
        self.killed: set[int] = set()
        self.reports: dict[str, str] = {}
        self.answered: set[str] = set()
        self.unsure: set[str] = set()  # who has written again, nothing graver, since
        self.gravest: dict[str, int] = {}
        self.since: dict[str, int] = {}
        """the gravest since somebody has said that it is over"""
        self.over: dict[str, set[str]] = {}
        """reports of a person that whoever has said so has seen"""
        self.at: dict[str, float] = {}
        self.acts = 0

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - of its work
        return self.runner.run(work)

    def there(self, which: int) -> Node | None:
        return None if which in self.away else self.nodes.all[which]

    @rule(which=WHICH, person=PEOPLE, level=st.integers(2, 3))
    def somebody_writes(self, which: int, person: str, level: int) -> None:
        node = self.there(which)
        if node is not None:
            node.see()
            id = f"r{len(self.reports)}"
            self.reports[id] = person
            is_late = self.nodes.time.now - self.at.get(person, float("inf")) >= LATE
            if level > self.gravest.get(person, 0) or person not in self.since or is_late:
                self.answered.discard(person)
                self.unsure.discard(person)
            elif person in self.answered:
                self.unsure.add(person)  # whoever has answered looks after them, for a while
            self.gravest[person] = max(level, self.gravest.get(person, 0))
            self.since[person] = max(level, self.since.get(person, 0))
            node.take(a_report(id, at=self.nodes.time.now, person=person, level=level))
            node.call()

    @rule(which=WHICH, times=st.integers(1, 3))
    def a_node_works(self, which: int, times: int) -> None:
        node = self.there(which)
        if node is not None:
            self.run(node.carry(times))
            node.call()

    @rule(seconds=st.sampled_from((1.0, 5.0, LEASE + 1.0, 130.0)))
    def time_passes(self, seconds: float) -> None:
        self.nodes.time.now += seconds

    @rule(which=WHICH, is_killed=st.booleans())
    def a_node_goes(self, which: int, is_killed: bool) -> None:
        if which not in self.away:
            self.away.add(which)
            if is_killed:
                self.killed.add(which)
                self.nodes.all[which].close()

    @rule(which=WHICH)
    def a_node_returns(self, which: int) -> None:
        if which in self.killed:
            self.nodes.all[which].open()
        self.killed.discard(which)
        self.away.discard(which)

    @rule(which=WHICH, is_cut=st.booleans())
    def a_line_is_cut_or_mended(self, which: int, is_cut: bool) -> None:
        self.nodes.all[which].is_cut = is_cut

    @rule(which=WHICH, person=PEOPLE)
    def somebody_answers(self, which: int, person: str) -> None:
        """At a node, when all is well: else it is for whoever has the incident."""
        if self.away or any(one.is_cut for one in self.nodes.all):
            return
        self.settle()
        node = self.nodes.all[which]
        for one in self.run(node.list()):
            if one["person"] == person and one["next_call_at"]:
                self.acts += 1
                told = self.run(node.act(one["id"], id=f"a{self.acts}"))
                assert told["incident"]["state"] in ("acknowledged", "handed_over")
                self.answered.add(person)
                self.unsure.discard(person)
                self.at[person] = self.nodes.time.now

    @rule(which=WHICH, person=PEOPLE, does=st.sampled_from(("acknowledge", "hand_over", "resolve")))
    def somebody_answers_by_what_they_see(self, which: int, person: str, does: Does) -> None:
        """At a node, whatever there is: what was not known there is not answered."""
        node = self.there(which)
        if node is None:
            return
        for one in self.run(node.list()):
            if one["person"] == person:
                self.acts += 1
                shown = self.run(node.show(one["id"]))
                told = self.run(node.act(one["id"], does, f"a{self.acts}"))
                if "error" not in told:
                    self._answered(person, does, shown)

    def _answered(self, person: str, does: Does, shown: dict[str, Any]) -> None:
        """Take note of whom need not be called about any more, for all that the responder knew."""
        if does == "resolve":
            seen = self.over.setdefault(person, set())
            seen |= {one["id"] for one in shown["reports"]}
            knows_all = {id for id, whose in self.reports.items() if whose == person} <= seen
            if knows_all:
                self.since.pop(person, None)
        else:
            knows_all = shown["incident"]["level"] >= self.since.get(person, 0)
        if knows_all or person in self.answered:
            self.answered.discard(person)
            self.unsure.add(person)
        self.at[person] = self.nodes.time.now

    def settle(self) -> None:
        for _ in range(3):
            self.run(self.nodes.rounds(2))
            for one in self.nodes.all:
                one.call()

    def teardown(self) -> None:
        """All is mended: see that nothing is lost, and one acts."""
        try:
            self._alone()
            for which in (0, 1):
                self.a_node_returns(which)
                self.nodes.all[which].is_cut = False
            self.settle()
            self._judge()
        finally:
            self.run(self.nodes.__aexit__())
            self.runner.close()
            self.folder.cleanup()

    def _alone(self) -> None:
        """The second stays away: the first calls about all that it has ever carried."""
        self.a_node_returns(0)
        one = self.nodes.one
        one.is_cut = False
        if 1 not in self.away:
            return
        self.nodes.time.now += LEASE + 1.0
        self.run(one.carry(6))
        one.call()
        page = self.run(one.register.page(99, all=False, skip=0))
        called = {incident.person for incident in page if is_alarming(incident)}
        assert called <= set(one.alarming()), "whom a dead node has called about is forgotten"

    def _judge(self) -> None:
        guards = [one.alarming() for one in self.nodes.all]
        for person in set(self.reports.values()):
            calling = [one for one in guards if person in one]
            assert len(calling) <= 1 or person in self.over, (person, guards)
            if person in self.answered - self.unsure:
                assert calling == [], (person, guards)
            elif person not in self.unsure:
                assert calling, (person, guards)
        rows = self.run(self.nodes.rows("SELECT id, incident, taken FROM incident_reports"))
        assert {id for id, _, _ in rows} == set(self.reports)
        parts = self.run(self.nodes.rows("SELECT id FROM incidents WHERE part_of <> '' AND open"))
        assert parts == []
        assert all(taken for _, _, taken in rows), rows
        for one in self.nodes.all:
            assert set(one.lines) <= {"incidents_not_carried"}, one.lines
            assert all(count == 1 for count in one.sent.values()), one.sent


@pytest.mark.parametrize("does", ["acknowledge", "hand_over", "resolve"])
def test_a_graver_message_is_called_about_that_came_before_an_answer_was_heard_of(
    does: Does,
) -> None:
    """The story that was found by hand."""
    for which in (0, 1):
        story = TwoNodes()
        story.somebody_writes(0, "ada", 2)
        story.settle()
        story.somebody_answers_by_what_they_see(1 - which, "ada", does)
        assert "ada" in story.unsure
        story.somebody_writes(which, "ada", 3)
        assert "ada" not in story.unsure
        story.teardown()


def test_everybody_is_called_about_by_one_node_until_somebody_answers() -> None:
    """Red without `_yield`, without `taken_over`, and without the parts of `_reports_for`."""
    run_state_machine_as_test(
        TwoNodes,
        settings=settings(
            max_examples=40,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),  # each step is a transaction
            report_multiple_bugs=False,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
