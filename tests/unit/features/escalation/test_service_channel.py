"""Services that are told: a call like a webhook's, at their endpoints."""

import asyncio
import json
from collections.abc import Mapping

import pytest

from tests.helpers.incidents import NOW, a_report
from tta_gateway.features.escalation.algorithm import opened
from tta_gateway.features.escalation.bound import ServiceHook
from tta_gateway.features.escalation.channel import Notice
from tta_gateway.features.escalation.service_channel import ServiceChannel
from tta_gateway.support.posting import NotTaken, signature

NOTICE = Notice(id="n1", number=1, contact="care", incident=opened(a_report(), NOW), at=NOW)


class Services:
    """Answers with a status."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.asked: list[tuple[str, str, bytes, Mapping[str, str]]] = []

    async def post(
        self, service: str, path: str, body: bytes, fields: Mapping[str, str], *, patience: float
    ) -> int:
        assert patience > 0.0
        self.asked.append((service, path, body, fields))
        return self.status


def send(services: Services) -> None:
    bound = ServiceHook(name="care", service="care", path="/crisis", secret="kanarie")
    channel = ServiceChannel(bound, services, node="edge-1", link="", wall=lambda: NOW)
    asyncio.run(channel.send(NOTICE))


def test_a_service_gets_what_a_webhook_gets_signed() -> None:
    services = Services(204)
    send(services)
    ((service, path, body, fields),) = services.asked
    assert (service, path, json.loads(body)["id"]) == ("care", "/crisis", "n1")
    assert fields == {
        "content-type": "application/json",
        "x-tta-signature": signature("kanarie", body, now=NOW),
    }


def test_another_answer_is_no_confirmation() -> None:
    with pytest.raises(NotTaken, match="it answers 500"):
        send(Services(500))
