"""Alertmanager and webhooks, before a real HTTP server: what is posted, and what each answer means.

The form that Alertmanager takes is `postableAlerts` of api/v2/openapi.yaml in
github.com/prometheus/alertmanager, commit 07d03b6c2c7e747335198f07d382060721dd2831; `check` below
is that definition in Python.
"""

import asyncio
import hashlib
import hmac
import socket
import ssl
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.helpers.alert_receiver import Receiver
from tests.helpers.alerting import a_notice
from tests.helpers.certificates import Folder
from tta_gateway.features.alerts.alertmanager_sink import AlertmanagerSink
from tta_gateway.features.alerts.bound import Alertmanager, Webhook
from tta_gateway.features.alerts.webhook_sink import WebhookSink
from tta_gateway.support.posting import NotTaken, post

NOW: Final = 1_700_000_100.0
LINK: Final = "http://127.0.0.1:8081/admin/v1/alerts"
POSTABLE: Final = {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def manager(url: str, **more: object) -> AlertmanagerSink:
    bound = msgspec.convert({"url": url, "name": "am", **more}, type=Alertmanager)
    return AlertmanagerSink(bound, node="edge-1", link=LINK, wall=lambda: NOW)


def webhook(url: str, **more: object) -> WebhookSink:
    bound = msgspec.convert({"url": url, "name": "hook", **more}, type=Webhook)
    return WebhookSink(bound, node="edge-1", link=LINK, wall=lambda: NOW)


def check(alerts: object) -> None:
    """Check `postableAlerts`."""
    assert isinstance(alerts, list)
    for one in alerts:
        assert set(one) <= POSTABLE
        for name, value in {**one["labels"], **one["annotations"]}.items():
            assert isinstance(name, str)
            assert isinstance(value, str)
        for moment in (one["startsAt"], one["endsAt"]):
            assert datetime.fromisoformat(moment).tzinfo is not None
        assert urlsplit(one["generatorURL"]).netloc


def test_an_alertmanager_is_posted_its_own_form(receiver: Receiver) -> None:
    over = a_notice("resolved", ended=1_700_000_050.0, recovery="it is back")
    asyncio.run(manager(f"{receiver.url}/prefix/", user="u", password="p").send([a_notice(), over]))
    (call,) = receiver.calls
    assert (call.method, call.path) == ("POST", "/prefix/api/v2/alerts")
    assert call.fields["content-type"] == "application/json"
    assert call.fields["authorization"] == "Basic dTpw"
    check(call.json)
    fires, ended = call.json
    assert fires["labels"] == ended["labels"]
    assert fires["labels"]["alertname"] == "EndpointDown"
    assert fires["endsAt"] > "2023-11-14T22:15:00Z" > ended["endsAt"]


def test_a_webhook_is_posted_what_it_can_check(receiver: Receiver) -> None:
    sink = webhook(f"{receiver.url}/hook?key=a", secret="secret", token="abc")
    asyncio.run(sink.send([a_notice()]))
    (call,) = receiver.calls
    assert call.path == "/hook?key=a"
    assert call.fields["authorization"] == "Bearer abc"
    stamp = call.fields["x-tta-signature"].removeprefix("t=").partition(",v1=")
    expected = hmac.new(b"secret", b"1700000100." + call.body, hashlib.sha256).hexdigest()
    assert (stamp[0], stamp[2]) == ("1700000100", expected)
    told = call.json
    (alert,) = told.pop("alerts")
    assert told == {
        "version": 1,
        "node": "edge-1",
        "sent_at": "2023-11-14T22:15:00.000Z",
        "link": LINK,
    }
    assert (alert["alert"], alert["status"]) == ("EndpointDown", "firing")


def test_nothing_is_signed_without_a_secret(receiver: Receiver) -> None:
    asyncio.run(webhook(receiver.url).send([a_notice()]))
    assert not {"x-tta-signature", "authorization"} & receiver.calls[0].fields.keys()


@pytest.mark.parametrize(
    ("status", "again"), [(500, True), (503, True), (429, True), (401, True), (302, True)]
)
def test_what_is_not_taken_may_be_taken_later(
    receiver: Receiver, status: int, *, again: bool
) -> None:
    receiver.status = status
    with pytest.raises(NotTaken, match=f"it answers {status}") as failed:
        asyncio.run(webhook(receiver.url).send([a_notice()]))
    assert failed.value.again is again


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_refused_for_what_it_is_is_not_sent_again(receiver: Receiver, status: int) -> None:
    receiver.status = status
    with pytest.raises(NotTaken) as failed:
        asyncio.run(webhook(receiver.url).send([a_notice()]))
    assert not failed.value.again


def served(folder: Folder, *, days: float = 30) -> ssl.SSLContext:
    made = folder.issue("127.0.0.1", days=days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made["certificate"], made["key"])
    return context


def test_a_certificate_of_the_operator_s_authority_is_good(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with Receiver(tls=served(folder)) as receiver:
        asyncio.run(webhook(receiver.url, ca=folder.ca.read_text()).send([a_notice()]))
        assert len(receiver.calls) == 1


@pytest.mark.parametrize("days", [30, -1])
def test_a_certificate_that_is_not_good_is_told_nothing(tmp_path: Path, days: float) -> None:
    folder, other = Folder(tmp_path / "a"), Folder(tmp_path / "b")
    ca = folder.ca if days < 0 else other.ca
    with Receiver(tls=served(folder, days=days)) as receiver:
        with pytest.raises(NotTaken, match="its certificate is not good") as failed:
            asyncio.run(webhook(receiver.url, ca=ca.read_text()).send([a_notice()]))
        assert (receiver.calls, failed.value.again) == ([], True)


def test_nobody_there_is_a_failure_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotTaken, match="it cannot be reached: "):
        asyncio.run(webhook(f"http://127.0.0.1:{port}").send([a_notice()]))


def test_one_that_is_silent_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(NotTaken, match=r"did not answer within 0\.2 s"):
            asyncio.run(post(url, b"{}", {}, context=None, patience=0.2))


def test_one_that_speaks_no_http_is_a_failure_in_words() -> None:
    async def talk() -> None:
        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            await post(f"http://127.0.0.1:{port}", b"{}", {}, context=None)

    with pytest.raises(NotTaken, match="no HTTP"):
        asyncio.run(talk())
