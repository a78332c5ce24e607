"""Webhooks: a call that cannot be made is no confirmation.  Real ones stand in tests/e2e."""

import asyncio

import pytest

from tests.helpers.incidents import NOW, a_report
from tta_gateway.features.escalation.algorithm import opened
from tta_gateway.features.escalation.bound import Hook
from tta_gateway.features.escalation.channel import Notice
from tta_gateway.features.escalation.webhook_channel import WebhookChannel
from tta_gateway.support.posting import NotTaken


def test_where_nobody_listens_it_is_not_taken() -> None:
    hook = Hook(name="pager", url="http://127.0.0.1:1/crisis")
    channel = WebhookChannel(hook, node="edge-1", link="", wall=lambda: NOW)
    notice = Notice(id="n1", number=1, contact="pager", incident=opened(a_report(), NOW), at=NOW)
    with pytest.raises(NotTaken, match="it cannot be reached"):
        asyncio.run(channel.send(notice))
