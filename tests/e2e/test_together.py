"""The demonstration's page: two browsers in one session, of which one loses its network."""

import re
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Page

from examples.tta.pages import INSTALLED
from tests.e2e.demonstration import ROOT, Demonstration, demonstration
from tests.helpers import npm
from tests.helpers.browser import browser, opened

pytestmark = pytest.mark.e2e

PASSWORD: Final = "Calm-Waters-7"
LINES: Final = "#said li:not(.waiting)"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """The demonstration on free ports, with the SDK that `make run` installs."""
    npm.modules(ROOT / "examples" / "tta" / "pages", "pages")
    assert INSTALLED.is_file()
    with demonstration(tmp_path_factory.mktemp("together")) as running:
        yield running


def enter(page: Page, *, button: str) -> None:
    """Log in, or register first."""
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name=button).click()
    becomes(page, "Connected")


def becomes(page: Page, state: str) -> None:
    """Wait until a page says how it is."""
    page.get_by_role("status").filter(has_text=re.compile(state)).wait_for()


def say(page: Page, text: str) -> None:
    """Write something, as a person does."""
    page.get_by_label("What you want to say").fill(text)
    page.get_by_role("button", name="Send").click()


def said(page: Page, count: int) -> list[str]:
    """What a page shows as stored, once it is so much."""
    page.wait_for_function(f"document.querySelectorAll('{LINES}').length >= {count}")
    return page.locator(f"{LINES} span").all_text_contents()


def test_who_was_offline_catches_up_without_a_reload(demo: Demonstration) -> None:
    with browser() as context:
        assert context.browser is not None
        elsewhere = context.browser.new_context()
        elsewhere.set_default_timeout(20_000)
        laptop, wrong = opened(context, f"{demo.url}/together/")
        enter(laptop, button="I am new here")
        assert wrong == []
        phone, _ = opened(elsewhere, f"{demo.url}/together/")
        say(laptop, "before the phone was here")
        enter(phone, button="Log in")
        laptop.get_by_text("2 devices are here.").wait_for()
        say(phone, "hello from the phone")
        both = ["before the phone was here", "hello from the phone"]
        assert said(laptop, 2) == said(phone, 2) == both
        elsewhere.set_offline(True)
        becomes(phone, "Away")
        for number in range(5):
            say(laptop, f"while you were away {number}")
        say(phone, "written without a net")
        assert len(said(laptop, 7)) == 7
        assert len(said(phone, 2)) == 2
        elsewhere.set_offline(False)
        becomes(phone, "Connected")
        assert said(phone, 8) == said(laptop, 8)
        assert said(phone, 8)[-1] == "written without a net"
        assert phone.locator("#said li.waiting").count() == 0
        assert phone.get_by_role("alert").inner_text() == ""
        elsewhere.close()


def test_who_is_not_believed_hears_it_in_words(demo: Demonstration) -> None:
    with browser() as context:
        page, _ = opened(context, f"{demo.url}/together/")
        page.get_by_label("Name").fill("nobody-at-all")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("alert").filter(has_text=re.compile("[a-z]{3}")).wait_for()
        assert "[object" not in page.get_by_role("alert").inner_text()
