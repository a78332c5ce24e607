"""Who may see incidents, and what they are told where the guard does not answer."""

import asyncio
import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from fastapi import HTTPException

from tests.helpers.fake_clock import FakeClock
from tests.helpers.house import Events
from tests.helpers.incidents import NOW, a_report
from tta_gateway.features.access.bound import AccessBound, Held, section_of
from tta_gateway.features.escalation.algorithm import Impossible, opened
from tta_gateway.features.escalation.bound import Bundle
from tta_gateway.features.escalation.register import Away
from tta_gateway.features.identity.problems import MISSING
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.principal import Principal
from tta_gateway.node import guard_socket, incidents
from tta_gateway.node.incidents import ADMINISTRATION, Incidents, is_program
from tta_gateway.node.key_ring import ring_of
from tta_gateway.node.reporting import EVIDENCE
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import Parts, base_of, parted
from tta_gateway.support.crypto.envelope import Envelope
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.sql.away import Unavailable

ROLES = {
    "responder": ("crisis:read", "crisis:respond"),
    "therapist": ("crisis:read:care", "crisis:respond:care"),
    "player": ("profile:read",),
}


def parts(folder: Path) -> Parts:
    features = {"access": msgspec.Raw(msgspec.msgpack.encode(AccessBound(roles=ROLES)))}
    return parted(
        Snapshot(
            version=1,
            state_dir=str(folder),
            listeners=(),
            services=(),
            routes=(),
            features=features,
        )
    )


class House:
    """Who shows a name and a role is that person; `admin` is the administration."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.events = FakeClock(), Events()
        self.known: dict[str, bytes] = {}
        self.logged_in = True
        self.incidents = Incidents(
            cast("Any", self.events),
            self.clock,
            shown=self.shown,
            is_admin=lambda said: said == "admin",
            known=lambda: self.known,
        )
        self.parts = parts(folder)
        self.incidents.adopt(self.parts)

    def shown(self, authorization: str | None) -> Principal:
        if not authorization:
            raise ClientFault(MISSING)
        name, role, *scopes = authorization.split()
        return Principal(
            subject=name,
            issuer="gateway",
            roles=frozenset({role}),
            is_narrow=bool(scopes),
            scopes=frozenset(scopes),
            session="s1" if self.logged_in else "",
            authenticated=1.0 if self.logged_in else 0.0,
        )


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def refused(house: House, shows: str | None) -> int:
    with pytest.raises(HTTPException) as error:
        house.incidents.responder(shows)
    return error.value.status_code


def test_who_responds_to_crises_sees_everybody(house: House) -> None:
    who = house.incidents.responder("ben responder")
    assert (who.name, who.sees("gateway/ada"), who.sees("")) == ("ben", True, True)


def test_a_therapist_sees_whom_they_care_for_as_long_as_they_do(house: House) -> None:
    until = house.clock.wall() + 60.0
    held = Held(until={"eva": {"ada": until}})
    house.known[section_of("eva")] = msgspec.msgpack.encode(held)
    who = house.incidents.reader("eva therapist")
    assert [who.sees(one) for one in ("gateway/ada", "gateway/bob", "10.0.0.1")] == [
        True,
        False,
        False,
    ]
    house.clock.advance(61.0)
    assert not who.sees("gateway/ada")
    assert not house.incidents.reader("kim therapist").sees("gateway/ada")


def test_others_are_refused(house: House) -> None:
    assert refused(house, "ada player") == 403
    assert refused(house, None) == 401
    assert refused(house, "ben responder profile:read") == 403
    assert house.incidents.responder("ben responder crisis:respond").name == "ben"


def test_the_administration_acts_in_no_name_and_reads_nothing_that_was_written(
    house: House,
) -> None:
    assert house.incidents.responder("admin").name == ADMINISTRATION
    with pytest.raises(HTTPException, match="people alone"):
        house.incidents.clinician("admin")
    assert house.incidents.clinician("ben responder").name == "ben"


def test_a_guard_that_is_away_is_said_to_be(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_socket, "_PATIENCE", 0.05)
    with pytest.raises(HTTPException) as error:
        asyncio.run(house.incidents.ask({"do": "list"}))
    assert error.value.status_code == 503


def test_what_the_guard_refuses_is_passed_on(house: House, tmp_path: Path) -> None:
    async def run() -> None:
        server = await guard_socket.serve(
            tmp_path, lambda _: b'{"error": {"status": 409, "detail": "it is over"}}'
        )
        async with server:
            await house.incidents.ask({"do": "list"})

    with pytest.raises(HTTPException, match="it is over") as error:
        asyncio.run(run())
    assert error.value.status_code == 409


def test_what_was_written_is_opened_and_what_cannot_be_is_none(
    house: House, tmp_path: Path
) -> None:
    store = KeyStore(tmp_path, ring_of(base_of(house.parts)))
    sealed = Envelope(store).seal(b"words", person="ada", purpose=EVIDENCE, about="r1")
    text = base64.b64encode(sealed).decode()
    assert house.incidents.opened("r1", text) == "words"
    assert house.incidents.opened("r2", text) is None
    assert len(house.incidents.new_id()) == 36


@pytest.mark.parametrize(
    ("fields", "program"),
    [
        ({"session": "s", "authenticated": 1.0, "claims": {"client_id": "web"}}, False),
        ({"session": "s", "authenticated": 1.0, "claims": {"client_id": "ben"}}, True),
        ({"claims": {"client_id": "web"}}, True),
        ({"issuer": "clinic", "claims": {"azp": "web"}}, False),
        ({"issuer": "clinic", "subject": "clinic:bot", "claims": {"azp": "bot"}}, True),
    ],
)
def test_a_program_reads_nothing_that_was_written(fields: dict[str, Any], program: bool) -> None:
    said = {"subject": "ben", "issuer": "gateway", **fields}
    assert is_program(Principal(**said)) is program


def test_a_program_that_may_respond_is_refused_what_was_written(house: House) -> None:
    assert house.incidents.responder("ben responder").name == "ben"
    house.logged_in = False
    assert house.incidents.responder("bot responder").name == "bot"
    with pytest.raises(HTTPException, match="people alone"):
        house.incidents.clinician("bot responder")


class Others:
    """What all nodes have: one incident, which is of another."""

    def __init__(self) -> None:
        self.is_away = False
        self.refuses = ""
        self.asked: list[str] = []

    async def _told(self, question: Mapping[str, Any]) -> dict[str, Any] | None:
        self.asked.append(question["do"])
        if self.is_away:
            raise Unavailable("away")
        if self.refuses:
            raise Impossible(self.refuses)
        known = question["incident"] == "theirs"
        return {"incident": {"id": "theirs", "person": "bob"}} if known else None

    async def show(self, question: Mapping[str, Any]) -> dict[str, Any] | None:
        return await self._told(question)

    async def act(self, question: Mapping[str, Any]) -> dict[str, Any] | None:
        return await self._told(question)

    async def list(self, question: Mapping[str, Any], local: list[str]) -> dict[str, Any]:
        await self._told({**question, "incident": ""})
        return {"incidents": [*local, "theirs"], "passed": 1}


def at_both(house: House, folder: Path, *questions: Mapping[str, object]) -> list[Any]:
    """Ask, with a guard that has `mine`, and `gone`, which another node goes on with."""
    holders = {"mine": None, "gone": "two"}

    def answer(line: bytes) -> bytes:
        asked = json.loads(line)
        if asked["do"] == "list":
            return b'{"incidents": ["mine"]}'
        id = asked["incident"]
        if id not in holders:
            return b'{"error": {"status": 404, "detail": "none"}}'
        told = {"id": id, "holder": holders[id], "part_of": None, "by": "guard"}
        return json.dumps({"incident": told}).encode()

    async def run() -> list[Any]:
        found: list[Any] = []
        async with await guard_socket.serve(folder, answer):
            for question in questions:
                try:
                    found.append(await house.incidents.ask(question))
                except HTTPException as error:
                    found.append(error.status_code)
        return found

    return asyncio.run(run())


def test_its_own_the_guard_answers_and_the_others_all_nodes(house: House, tmp_path: Path) -> None:
    others = Others()
    house.incidents.elsewhere = cast("Any", others)
    mine, theirs, gone, nobody, all = at_both(
        house,
        tmp_path,
        {"do": "show", "incident": "mine"},
        {"do": "act", "incident": "theirs"},
        {"do": "show", "incident": "gone"},
        {"do": "show", "incident": "nobody"},
        {"do": "list"},
    )
    assert mine["incident"]["by"] == "guard"
    assert theirs["incident"]["id"] == "theirs"
    assert gone["incident"]["by"] == "guard"  # nobody else has ever heard of it
    assert nobody == 404
    assert all["incidents"] == ["mine", "theirs"]
    assert others.asked == ["act", "show", "show", "list"]


def test_without_the_database_the_guard_does_what_it_can(house: House, tmp_path: Path) -> None:
    others = Others()
    others.is_away = True
    house.incidents.elsewhere = cast("Any", others)
    questions = (
        {"do": "act", "incident": "gone"},
        {"do": "show", "incident": "theirs"},
        {"do": "list"},
    )
    gone, theirs, all = at_both(house, tmp_path, *questions)
    assert gone["incident"]["by"] == "guard"
    assert theirs == 404  # there are no other nodes
    assert all["incidents"] == ["mine"]
    house.incidents.is_shared = lambda: True  # type: ignore[method-assign]
    assert at_both(house, tmp_path, questions[1]) == [503]
    others.is_away, others.refuses = False, "it is over"
    assert at_both(house, tmp_path, {"do": "act", "incident": "theirs"}) == [409]


def test_evidence_is_given_its_key_for_other_nodes(house: House, tmp_path: Path) -> None:
    assert not house.incidents.is_shared()
    keys = KeyStore(tmp_path, ring_of(base_of(house.parts)))
    sealed = Envelope(keys).seal(b"words", person="ada", purpose=EVIDENCE, about="r1")
    keys.close()
    report = a_report(evidence=sealed)
    bundle = Bundle(incident=opened(report, NOW), reports=(report,))
    ((sent,),) = (one.reports for one in house.incidents.travelling([bundle]))
    (tmp_path / "keys.db").unlink()
    shown = house.incidents.opened("r1", base64.b64encode(sent.evidence).decode())
    assert shown == "words"
    house.incidents.adopt(parts(tmp_path / "nowhere"))
    with pytest.raises(Away):  # it would be carried for nobody, and never again
        house.incidents.travelling([bundle])
    bare = msgspec.structs.replace(bundle, reports=(a_report(evidence=b""),))
    assert house.incidents.travelling([bare]) == (bare,)


def drilled_at(
    house: House,
    folder: Path,
    answers: list[bytes],
    worker: dict[str, object] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, Any]:
    """Have a drill begun, of which a worker says this, and a guard says each in turn."""

    async def drilled(_: Path, question: dict[str, object]) -> dict[str, object]:
        assert question == {"id": "7", "by": "ben", "level": 3}
        if worker is None:
            raise OSError("no worker takes drills")
        return worker

    async def run() -> dict[str, Any]:
        async with await guard_socket.serve(folder, lambda _: answers.pop(0)):
            return await house.incidents.ask(DRILL)

    monkeypatch.setattr(incidents, "drilled", drilled)
    return asyncio.run(run())


DRILL = {"do": "drill", "id": "7", "by": "ben", "level": 3}
STEPS = [{"step": "detector", "said": "level 3 found", "ms": 0.2}]
TAKEN: dict[str, object] = {"steps": STEPS, "incident": "i1"}
UNKNOWN = b'{"error": {"status": 404, "detail": "none"}}'


def test_a_drill_goes_to_a_worker_and_comes_back_from_the_guard(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incidents, "_PAUSE", 0.001)
    shown = [UNKNOWN, b'{"incident": {"id": "i1"}}']
    made = drilled_at(house, tmp_path, shown, TAKEN, monkeypatch)
    assert made == {"incident": {"id": "i1"}, "steps": STEPS}


@pytest.mark.parametrize(
    ("answers", "worker", "words"),
    [
        ([], None, "ends at the worker: no worker takes drills"),
        ([], {"steps": [], "failed": {"step": "journal", "why": "full"}}, "the journal: full"),
        ([UNKNOWN] * 3, TAKEN, "the guard: it has not opened"),
        ([b'{"error": {"status": 503, "detail": "away"}}'], TAKEN, "the guard: it does not answer"),
    ],
)
def test_a_drill_that_fails_says_at_which_step(
    house: House,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answers: list[bytes],
    worker: dict[str, object] | None,
    words: str,
) -> None:
    monkeypatch.setattr(incidents, "_PAUSE", 0.001)
    monkeypatch.setattr(incidents, "_LOOKS", 3)
    with pytest.raises(HTTPException, match=words) as error:
        drilled_at(house, tmp_path, answers, worker, monkeypatch)
    assert error.value.status_code == 503
