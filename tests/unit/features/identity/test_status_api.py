"""What pages are told behind a reload."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.sign_in_house import SignInHouse, answered, within
from tta_gateway.features.identity.public import STATUS, VERIFY_BY_GET
from tta_gateway.features.identity.status_api import router
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.node.public_api import PublicApp
from tta_gateway.support.sql.away import Unavailable

NOBODY = {"authenticated": False, "auth_method": None, "user": None}
COOKIE = "__Secure-tta-refresh"


class Page:
    """Who asks; `failed` are faults of ours."""

    def __init__(self, house: SignInHouse) -> None:
        self.house = house
        self.failed: list[Exception] = []
        self.app = PublicApp(
            [router(house)], bound=ProblemBound, failed=lambda _, error: self.failed.append(error)
        )

    async def ask(self, path: str = STATUS[0], **fields: str) -> tuple[int, Any]:
        answer = await answered(self.app, "GET", path, None, **fields)
        assert self.failed == []
        return answer.status, answer.json


def asked(folder: Path, work: Callable[[Page], Awaitable[None]]) -> None:
    async def done(house: SignInHouse) -> None:
        await house.ada()
        await work(Page(house))

    within(folder, done)


@pytest.mark.parametrize("path", STATUS)
def test_a_session_that_lasts_is_told_with_whose_it_is(tmp_path: Path, path: str) -> None:
    async def work(page: Page) -> None:
        grant = await page.house.login()
        for _ in range(2):  # it is looked at, not used
            status, told = await page.ask(path, cookie=f"{COOKIE}={grant.refresh_token}")
            assert (status, told["authenticated"], told["auth_method"]) == (200, True, "session")
            assert (told["user"]["username"], told["user"]["role"]) == ("ada", "player")

    asked(tmp_path, work)


@pytest.mark.parametrize("cookie", ["", f"{COOKIE}=unknown", f"{COOKIE}={'x' * 5000}", "other=1"])
def test_whoever_shows_nothing_of_a_session_is_nobody(tmp_path: Path, cookie: str) -> None:
    async def work(page: Page) -> None:
        assert await page.ask(cookie=cookie) == (200, NOBODY)

    asked(tmp_path, work)


@pytest.mark.parametrize("end", ["logout", "disable", "time"])
def test_a_session_that_has_ended_is_nobodys(tmp_path: Path, end: str) -> None:
    async def work(page: Page) -> None:
        house, grant = page.house, await page.house.login()
        assert house.sign_in is not None
        assert house.accounts is not None
        if end == "logout":
            await house.sign_in.logout(grant.user.id, grant.session.id)
        elif end == "disable":
            await house.accounts.disable(grant.user)
        else:
            house.now = grant.session.ends + 1
        assert await page.ask(cookie=f"{COOKIE}={grant.refresh_token}") == (200, NOBODY)

    asked(tmp_path, work)


def test_a_page_of_elsewhere_learns_nothing(tmp_path: Path) -> None:
    async def work(page: Page) -> None:
        grant = await page.house.login()
        shown = {"cookie": f"{COOKIE}={grant.refresh_token}", "origin": "https://evil.example"}
        status, told = await page.ask(**shown)
        assert (status, told["code"]) == (403, "identity_origin_refused")

    asked(tmp_path, work)


def test_a_token_is_verified_by_a_get(tmp_path: Path) -> None:
    async def work(page: Page) -> None:
        grant = await page.house.login()
        status, told = await page.ask(VERIFY_BY_GET, authorization=f"Bearer {grant.access_token}")
        assert (status, told["valid"], told["username"]) == (200, True, "ada")

    asked(tmp_path, work)


def test_without_sessions_or_a_store_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(page: Page) -> None:
        house = page.house
        grant = await house.login()
        assert house.sign_in is not None

        async def away(_: str) -> tuple[str, str]:
            raise Unavailable("away")

        monkeypatch.setattr(house.sign_in, "session_of", away)
        status, told = await page.ask(cookie=f"{COOKIE}={grant.refresh_token}")
        assert (status, told["code"]) == (503, "identity_store_unavailable")
        house.sign_in.passwords.close()
        house.sign_in = None
        status, told = await page.ask()
        assert (status, told["code"]) == (503, "identity_store_unavailable")
        house.issuing = None
        assert (await page.ask())[0] == 404

    asked(tmp_path, work)
