"""A real browser: Debian's Chromium, led by Playwright, with pages of any origin."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping

from playwright.sync_api import BrowserContext, Page, Route, sync_playwright

PATIENCE_MS = 20_000.0


@contextlib.contextmanager
def browser() -> Iterator[BrowserContext]:
    """Start it with an empty profile; all pages of the context share their cookies."""
    where = shutil.which("chromium")
    assert where, "Chromium is missing: `apt-get install chromium`, as `make test` does"
    # Chromium's sandbox wants a user of its own, which a container's root is not.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    arguments.append("--no-proxy-server")
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=where, args=arguments)
        try:
            context = running.new_context()
            context.set_default_timeout(PATIENCE_MS)
            yield context
        finally:
            running.close()


def serve(context: BrowserContext, pages: Mapping[str, str]) -> None:
    """Have these addresses hold these pages: whatever else they ask for goes out as it is."""

    def answer(route: Route) -> None:
        route.fulfill(content_type="text/html", body=pages[route.request.url])

    for address in pages:
        context.route(address, answer)


def opened(context: BrowserContext, address: str) -> tuple[Page, list[str]]:
    """Return a new tab with that page, and what goes wrong there: as people would see it."""
    page, wrong = context.new_page(), list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.goto(address)
    return page, wrong
