"""Two pages in one session, in a real browser: one is offline for a while, and catches up."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.helpers import npm
from tests.helpers.browser import browser, opened, serve
from tests.helpers.hub_stage import ELSEWHERE, HubStage, token
from tests.helpers.scripted_upstream import Call
from tests.helpers.sdk import ENDPOINTS, PACKAGES, emulation_at, way

pytestmark = pytest.mark.e2e
HERE = Path(__file__).parent
HTML = [(b"Content-Type", b"text/html")]


def page_of(
    context: BrowserContext, stage: HubStage, channel: str, person: str, transport: str
) -> Page:
    """The page of somebody, which a service behind the gateway serves; it reads the session."""
    page = written(stage, channel, person, transport)

    def answer(call: Call) -> None:
        call.answer(page.encode(), fields=HTML)

    target = stage.gateway.stage.on(answer).decode()
    made, _ = opened(context, f"http://127.0.0.1:{stage.gateway.stage.port}{target}")
    becomes(made, "here")
    return made


def written(stage: HubStage, channel: str, person: str, transport: str) -> str:
    """What a page is made of."""
    dist = npm.modules(PACKAGES, "realtime_sdk") / "node_modules" / "centrifuge" / "dist"
    sdk = (dist / "centrifuge.js").read_text()
    url = [way(transport, stage.direct)]
    told = {"url": url, "token": token(person), "channel": channel}
    told["beside"] = emulation_at(stage.direct)
    before = f"<script>{sdk}\nconst CLIENT = {json.dumps(told)};</script>"
    return (HERE / "session.html").read_text().replace("<script>", f"{before}\n<script>", 1)


def becomes(page: Page, state: str) -> None:
    """Wait until a page is in a state."""
    page.wait_for_function(f"document.getElementById('state').textContent === '{state}'")


def said(page: Page, count: int) -> list[str]:
    """What a page shows, once it is so much."""
    page.wait_for_function(f"document.querySelectorAll('#said li').length >= {count}")
    return page.locator("#said li").all_text_contents()


@pytest.mark.parametrize("transport", ENDPOINTS)
def test_a_page_that_was_offline_catches_up(stage: HubStage, name: str, transport: str) -> None:
    """By each way that there is; who has always been there comes by a WebSocket."""
    channel = f"session:{name}"
    with browser() as context:
        assert context.browser is not None
        elsewhere = context.browser.new_context()
        ada = page_of(context, stage, channel, "ada", "websocket")
        ben = page_of(elsewhere, stage, channel, "ben", transport)
        for _ in range(3):
            ada.evaluate("say('from ada')")
            ben.evaluate("say('from ben')")
        assert said(ada, 6) == said(ben, 6)
        elsewhere.set_offline(True)
        becomes(ben, "away")
        for number in range(20):
            ada.evaluate(f"say('while you were away {number}')")
        assert len(said(ada, 26)) == 26
        assert len(said(ben, 6)) == 6
        elsewhere.set_offline(False)
        becomes(ben, "recovered true")
        ben.evaluate("say('back')")
        assert said(ada, 27) == said(ben, 27)
        assert [one.split()[0] for one in said(ben, 27)] == [str(one) for one in range(1, 28)]
        elsewhere.close()


@pytest.mark.parametrize("transport", ENDPOINTS)
def test_a_page_of_another_origin_that_is_named_connects(
    stage: HubStage, name: str, transport: str
) -> None:
    """Browsers ask first whether it may send JSON, and let it read what it is allowed to."""
    page = written(stage, f"session:{name}", "ada", transport)
    with browser() as context:
        serve(context, {f"{ELSEWHERE}/": page})
        ada, _ = opened(context, f"{ELSEWHERE}/")
        becomes(ada, "here")
        ada.evaluate("say('from elsewhere')")
        assert said(ada, 1) == ["1 from elsewhere"]
