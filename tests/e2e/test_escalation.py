"""Escalation of a running node: whoever is in need is told of to people, until one answers."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.e2e.edge.test_process import HEAVY
from tests.helpers.alert_receiver import Receiver
from tests.helpers.certificates import Folder
from tests.helpers.escalated import SECRET, Escalated, escalated, heard, quick, times
from tests.helpers.gateway import free_port
from tests.helpers.mail_server import MailServer
from tests.helpers.registered import TOKEN, Api
from tests.helpers.slow import children, wait_until, workers_of
from tta_gateway.features.escalation.metrics import ACKNOWLEDGE, NOTIFY
from tta_gateway.features.escalation.sealing import Seal
from tta_gateway.features.escalation.sqlite_store import NAME
from tta_gateway.node.key_ring import ring_of
from tta_gateway.node.reporting import FOLDER, report_of, text_of
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.crypto.envelope import Envelope
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.crypto.sealing import Erased
from tta_gateway.support.journal.reader import Reader
from tta_gateway.support.posting import signature

pytestmark = pytest.mark.e2e
_NAMES: Final = "import sys, tta_gateway.node.guard_main; print(*sys.modules)"
UNCALLED: Final = ("smtplib", "httptools", "hiredis", "cryptography.x509", "tta_gateway.edge")
"""What only a guard imports that calls somebody by mail, asks services, or posts letters."""
_CALLED: Final = """
import asyncio, socket, ssl, sys
from tests.helpers.incidents import NOW, a_report
from tta_gateway.features.escalation.algorithm import opened
from tta_gateway.features.escalation.bound import EscalationBound, Hook, Mailbox, ServiceHook
from tta_gateway.features.escalation.channel import Notice
from tta_gateway.kernel.route import Endpoint, Service, ServiceTls
from tta_gateway.node.crisis_channels import CrisisChannels
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import parted
from tta_gateway.support.posting import NotTaken

at = Endpoint(host="127.0.0.1", port=9, tls=True)
tls = ServiceTls(spiffe_id="spiffe://tta/care")
service = Service(name="care", endpoints=(at,), tls=tls)
snapshot = Snapshot(version=1, state_dir="", listeners=(), services=(service,), routes=())
parts = parted(snapshot)
made = CrisisChannels(
    lambda: parts, lambda: snapshot, wall=lambda: NOW, log=None, died=lambda *_: None
)
mail = Mailbox(name="m", host="127.0.0.1", port=9, security="none", sender="a@b", to=("c@d",))
told = [Hook(name="h", url="http://127.0.0.1:9/"), mail]
told.append(ServiceHook(name="s", service="care", path="/"))
channels = [made.of(one, EscalationBound()) for one in told]


async def send():
    for one in channels:
        notice = Notice(id="n1", number=1, contact="c", incident=opened(a_report(), NOW), at=NOW)
        try:
            await one.send(notice)
        except NotTaken:
            pass


before = set(sys.modules)
asyncio.run(send())
print(*(set(sys.modules) - before))
"""


@pytest.fixture
def pager() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def ward() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def hook(receiver: Receiver) -> dict[str, object]:
    return {"webhook": {"url": f"{receiver.url}/crisis", "unsigned": "a test"}}


def test_a_report_reaches_every_channel_at_once_signed_and_without_what_was_written(
    tmp_path: Path, pager: Receiver
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    with MailServer() as mail:
        contacts = {
            "pager": {"webhook": {"url": f"{pager.url}/crisis", "secret": {"file": "secret"}}},
            "ward": {
                "mail": {
                    "host": "127.0.0.1",
                    "port": mail.port,
                    "security": "none",
                    "sender": "gw@example.org",
                    "to": ["ward@example.org"],
                }
            },
        }
        with escalated(tmp_path, {"contacts": contacts}) as one:
            one.write("gateway/ada")
            assert wait_until(lambda: bool(pager.calls) and bool(mail.post.mailed))
            told = one.incidents()["gateway/ada"]
            assert wait_until(lambda: one.incidents()["gateway/ada"]["state"] == "notified")
    (call,) = pager.calls
    stamp = call.fields["x-tta-signature"].partition(",")[0].removeprefix("t=")
    assert call.fields["x-tta-signature"] == signature(SECRET, call.body, now=float(stamp))
    assert (call.json["incident"]["id"], call.json["incident"]["level"]) == (told["id"], 3)
    (mailed,) = mail.post.mailed
    assert mailed.message["message-id"] == f"<{call.json['id']}@example.org>"
    text = mailed.message.as_string()
    assert not re.search(r"\bada\b", text)  # in an id of hexadecimal digits it may stand
    assert b"kanarie" not in call.body + text.encode()


def test_who_does_not_answer_is_followed_by_the_next_until_somebody_does(
    tmp_path: Path, pager: Receiver, ward: Receiver
) -> None:
    policy = {"levels": {"imminent": quick("pager", "ward")}}
    (tmp_path / "crisis.yaml").write_text(yaml.safe_dump(policy))
    escalation = {"contacts": {"pager": hook(pager), "ward": hook(ward)}, "policy": "crisis.yaml"}
    with escalated(tmp_path, escalation) as one:
        one.write("gateway/ada")
        assert wait_until(lambda: len(heard(ward, "gateway/ada")) >= 2)
        assert [told["number"] for told in heard(pager, "gateway/ada")][:2] == [1, 3]
        assert [told["number"] for told in heard(ward, "gateway/ada")][:2] == [2, 3]
        id = one.incidents()["gateway/ada"]["id"]
        status, _, body = one.admin.ask(f"/admin/v1/incidents/{id}/acknowledge", method="POST")
        assert (status, b"acknowledged" in body) == (200, True)
        seen = len(pager.calls)
        assert not wait_until(lambda: len(pager.calls) > seen, 2.5)
        samples = one.admin.samples()
        assert samples[f"{NOTIFY.name}_count", ("3",)] == 1.0
        assert samples[f"{ACKNOWLEDGE.name}_count", ("3",)] == 1.0
        assert all(count == 1 for count in times(pager).values())


def test_a_channel_that_is_down_holds_no_other_up_and_gets_the_same_notice_later(
    tmp_path: Path, pager: Receiver, ward: Receiver
) -> None:
    ward.status = 503
    with escalated(tmp_path, {"contacts": {"pager": hook(pager), "ward": hook(ward)}}) as one:
        one.write("gateway/ada")
        assert wait_until(lambda: len(heard(pager, "gateway/ada")) == 1)
        assert wait_until(lambda: len(ward.calls) >= 2)
        ward.status = 200
        told = one.ask(do="show", incident=one.incidents()["gateway/ada"]["id"])
        assert wait_until(lambda: not one.ask(do="show", incident=told["incident"]["id"])["owed"])
    assert set(times(ward)) == set(times(pager))


def test_it_needs_neither_control_nor_valkey(tmp_path: Path, pager: Receiver) -> None:
    with escalated(tmp_path, {"contacts": {"pager": hook(pager)}}) as one:
        supervisor = one.gateway.process.pid
        others = [pid for pid in children(supervisor) if _is_store(pid)]
        assert others
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        one.kill("control")
        one.write("gateway/ada")
        assert wait_until(lambda: len(heard(pager, "gateway/ada")) == 1)
        for pid in others:
            os.kill(pid, signal.SIGCONT)


def _is_store(pid: int) -> bool:
    return "valkey" in Path(f"/proc/{pid}/cmdline").read_text()


def test_a_service_of_the_platform_is_told_at_its_endpoints(
    tmp_path: Path, pager: Receiver
) -> None:
    services = {"care": {"endpoints": [f"http://127.0.0.1:{free_port()}", pager.url]}}
    routes = [{"path": "/{rest:path}", "service": "care", "auth": "none"}]
    contacts = {
        "care": {"service": {"name": "care", "path": "/events/crisis", "unsigned": "a test"}}
    }
    with escalated(tmp_path, {"contacts": contacts}, services=services, routes=routes) as one:
        one.write("gateway/ada")
        assert wait_until(lambda: len(heard(pager, "gateway/ada")) == 1)
        assert pager.calls[0].path == "/events/crisis"


def test_where_nobody_can_be_reached_that_is_an_alert(tmp_path: Path, pager: Receiver) -> None:
    dead = {"webhook": {"url": f"http://127.0.0.1:{free_port()}/crisis", "unsigned": "a test"}}
    alerts = {"wait": "500ms", "webhooks": [{"url": f"{pager.url}/alerts"}]}
    with escalated(tmp_path, {"contacts": {"dead": dead}}, alerts=alerts) as one:
        one.write("gateway/ada")
        assert pager.hears("CrisisUnreached", "firing")
        one.acknowledge("gateway/ada")


def test_a_policy_that_is_edited_holds_from_then_on(
    tmp_path: Path, pager: Receiver, ward: Receiver
) -> None:
    file = tmp_path / "crisis.yaml"
    file.write_text(yaml.safe_dump({"levels": {"high": quick("pager", within="1h")}}))
    escalation = {"contacts": {"pager": hook(pager), "ward": hook(ward)}, "policy": "crisis.yaml"}
    with escalated(tmp_path, escalation) as one:
        one.write("gateway/ada", level=2)
        assert wait_until(lambda: len(heard(pager, "gateway/ada")) == 1)
        file.write_text(yaml.safe_dump({"levels": {"high": quick("pager", "ward")}}))
        assert wait_until(lambda: len(heard(ward, "gateway/ada")) >= 1)


def test_a_drill_shows_each_step_and_ends_with_1_if_somebody_is_not_reached(
    tmp_path: Path, pager: Receiver, ward: Receiver
) -> None:
    contacts = {"pager": hook(pager), "ward": hook(ward)}
    with escalated(tmp_path, {"contacts": contacts}) as one:
        done = _command(one, "drill", "--by", "ben")
        assert done.returncode == 0, done.stderr
        steps = [line.split()[0] for line in done.stdout.splitlines()[:8]]
        assert steps[:6] == ["listener", "worker", "detector", "journal", "answer", "guard"]
        assert set(steps[6:]) == {"pager", "ward"}
        notice = pager.calls[0].json
        assert notice["title"].startswith("[DRILL] ")
        assert (notice["incident"]["level"], notice["incident"]["texts_kept"]) == (3, 1)
        assert b"life" not in pager.calls[0].body
        ward.status = 503
        failed = _command(one, "drill", "--wait", "2")
        assert failed.returncode == 1
        assert "ward" in failed.stderr
        told = _command(one, "incidents", "--all").stdout
        assert told.count("drill") >= 2
        one.write("gateway/ada")
        assert wait_until(lambda: "gateway/ada" in one.incidents())
        id = one.incidents()["gateway/ada"]["id"]
        assert "acknowledged" in _command(one, "ack", id, "--by", "ben").stdout
        assert "acknowledge by ben" in _command(one, "show", id).stdout


def test_a_drill_of_the_administration_goes_through_a_worker_too(
    tmp_path: Path, pager: Receiver
) -> None:
    with escalated(tmp_path, {"contacts": {"pager": hook(pager)}}) as one:
        told = one.admin.told("/admin/v1/incidents/drills", method="POST")
        steps = [step["step"] for step in told["steps"]]
        assert steps == ["listener", "worker", "detector", "journal", "answer"]
        assert told["incident"]["drill"]
        assert wait_until(lambda: bool(pager.calls))
        assert pager.calls[0].json["incident"]["id"] == told["incident"]["id"]


def test_a_drill_comes_by_tls_where_clients_do_and_names_a_listener_that_is_away(
    tmp_path: Path, pager: Receiver
) -> None:
    made = Folder(tmp_path / "tls").issue("gate.test")
    port = free_port()
    listen = [{"address": f"127.0.0.1:{port}", "tls": {"certificates": [made]}}]
    with escalated(tmp_path, {"contacts": {"pager": hook(pager)}}, listen=listen) as one:
        done = _command(one, "drill")
        assert done.returncode == 0, done.stderr
        assert done.stdout.split()[:2] == ["listener", f"https://127.0.0.1:{port}"]
        for worker in workers_of(one.gateway.process.pid):
            os.kill(worker, signal.SIGSTOP)
        try:
            ended = _command(one, "drill")
        finally:
            for worker in workers_of(one.gateway.process.pid):
                os.kill(worker, signal.SIGCONT)
        assert ended.returncode == 1
        assert "the drill ends at the worker: no worker takes drills" in ended.stderr


def test_what_nobody_has_begun_is_no_drill_and_opens_nothing(
    tmp_path: Path, pager: Receiver
) -> None:
    words = b'{"message": "I want to end my life tonight."}'
    with escalated(tmp_path, {"contacts": {"pager": hook(pager)}}) as one:
        guesses: list[dict[str, str]] = [{}, {"x-tta-drill": "a-guess"}]
        for fields in guesses:
            kind = {"content-type": "application/json"}
            client = HTTPConnection("127.0.0.1", one.gateway.port, timeout=10)
            client.request("POST", "/v1/drills", words, {**kind, **fields})
            answer = client.getresponse()
            told = json.loads(answer.read())
            client.close()
            assert (answer.status, told["code"]) == (403, "escalation_drill_unknown")
            assert told["help"]["resources"]
            assert answer.getheader("server-timing") is None
        assert _command(one, "drill").returncode == 0  # and that of which it was told is one
        found = one.ask(do="list", all=True)["incidents"]
        assert [incident["drill"] for incident in found] == [True]


def test_a_drill_names_the_guard_where_that_stands_still(tmp_path: Path, pager: Receiver) -> None:
    with escalated(tmp_path, {"contacts": {"pager": hook(pager)}}) as one:
        guard = one.guard
        assert guard is not None
        os.kill(guard, signal.SIGSTOP)
        done = _command(one, "drill", "--wait", "1")
        os.kill(guard, signal.SIGCONT)
        assert done.returncode == 1
        steps = [line.split()[0] for line in done.stdout.splitlines()]
        assert steps == ["listener", "worker", "detector", "journal", "answer"]
        assert "the drill ends at the guard" in done.stderr


def _command(one: Escalated, *words: str) -> subprocess.CompletedProcess[str]:
    file = str(one.folder / "gateway.yaml")
    command = [sys.executable, "-m", "tta_gateway", "safety", words[0], "-c", file, *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_guard_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _NAMES], capture_output=True, text=True, check=True, timeout=30
    )
    names = done.stdout.split()
    assert {name.partition(".")[0] for name in names}.isdisjoint(HEAVY)
    assert set(names).isdisjoint({"tta_gateway.settings", *UNCALLED})


def test_a_notice_waits_for_no_import() -> None:
    """All that a channel needs is there once it is adopted: tried to where nobody listens."""
    done = subprocess.run(
        [sys.executable, "-c", _CALLED], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.split() == []


def test_a_service_that_has_subscribed_is_told_signed_until_people_answer(
    tmp_path: Path, pager: Receiver, ward: Receiver
) -> None:
    """It stays so where the guard dies, and where all of the gateway begins anew."""
    inside = free_port()
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "token").write_text(TOKEN)
    claim = {
        "token": {"file": "token"},
        "services": ["players"],
        "safety": {"secret": {"file": "secret"}},
    }
    escalation = {"contacts": {"pager": hook(pager)}, "levels": {"imminent": quick("pager")}}
    more = {
        "listen": ["127.0.0.1:0", {"address": f"127.0.0.1:{inside}", "internal": True}],
        "services": {"players": {}},
        "routes": [{"path": "/{rest:path}", "service": "players", "auth": "none"}],
        "registration": {"tokens": [claim]},
    }
    with escalated(tmp_path, escalation, **more) as one:
        port = int(ward.url.rpartition(":")[2])
        said = {"safety.*": "/events/crisis"}
        api = Api(inside)
        assert wait_until(
            lambda: api.put("players/a", port, lease=300, subscriptions=said)[0] == 200, 15.0
        )
        assert wait_until(lambda: _is_told(one, ward, "gateway/ada"))
        (call,) = [call for call in ward.calls if call.json["number"] == 1][:1]
        stamp = call.fields["x-tta-signature"].partition(",")[0].removeprefix("t=")
        assert call.fields["x-tta-signature"] == signature(SECRET, call.body, now=float(stamp))
        assert call.path == "/events/crisis"
        assert wait_until(lambda: {told["number"] for told in heard(pager, "gateway/ada")} >= {1})
        one.kill()
        seen = len(ward.calls)
        assert wait_until(lambda: len(ward.calls) >= seen + 2)  # each call, until somebody answers
        one.acknowledge("gateway/ada")
        time.sleep(1.2)  # what is found is kept once a second
    with escalated(tmp_path, escalation, **more) as one:
        one.write("gateway/ben")
        assert wait_until(lambda: bool(heard(ward, "gateway/ben")))


def _is_told(one: Escalated, receiver: Receiver, person: str) -> bool:
    if person not in one.incidents():
        one.write(person)
    return bool(heard(receiver, person))


def test_what_somebody_has_written_is_unreadable_once_they_are_erased(tmp_path: Path) -> None:
    """In the journal and with the incident, what was kept for them among it; of others it stays."""
    with escalated(tmp_path, {}) as one:
        one.write("clinic/ada", "clinic/ben")
        one.write("clinic/ada", delivered=False)
        assert wait_until(lambda: one.incidents()["clinic/ada"]["reports"] == 2)
        both = {"clinic/ada": 4, "clinic/ben": 2}
        assert wait_until(lambda: _readable(one) == both)
        assert wait_until(lambda: (one.state / "admin.token").exists())  # control comes last
        command = [sys.executable, "-m", "tta_gateway", "person", "erase", "clinic/ada"]
        options = ["--reason", "asked for by her", "-c", str(tmp_path / "gateway.yaml")]
        told = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        assert "done here" in told.stdout, told.stderr
        assert _readable(one) == {"clinic/ben": 2}
        one.write("clinic/ada")  # who writes again has a key of their own again
        assert wait_until(lambda: _readable(one).get("clinic/ada") == 2)


def _readable(one: Escalated) -> Counter[str]:
    """Return how many texts can be read, by person: in the journal, and with incidents."""
    snapshot = Snapshot(version=1, state_dir=str(one.state), listeners=(), services=(), routes=())
    ring = ring_of(snapshot)
    envelope = Envelope(KeyStore(one.state, ring))
    records = Reader(one.state / FOLDER, ring, trouble=lambda _: None).read({}, most=10_000)
    found = [report_of(record.payload) for record in records]
    seal = Seal(ring, envelope.store)
    with closing(sqlite3.connect(f"file:{one.state / NAME}?mode=ro", uri=True)) as file:
        for id, body in file.execute("SELECT id, body FROM reports"):
            with suppress(Erased):
                found.append(seal.read_report(id, body))
    readable: Counter[str] = Counter()
    for report in found:
        try:
            readable[report.person] += int("kanarie" in text_of(report, envelope))
        except Erased:
            continue
    return readable
