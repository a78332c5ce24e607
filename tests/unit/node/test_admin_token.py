"""The token of the administration, and who is let in with it."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import Depends, FastAPI

from tests.helpers.asgi import Answer, asked
from tta_gateway.node import admin_token


def test_a_token_is_made_where_there_is_none_and_stays(tmp_path: Path) -> None:
    token = admin_token.kept(tmp_path)
    assert admin_token.kept(tmp_path) == token
    assert (tmp_path / "admin.token").read_text() == f"{token}\n"


def test_a_token_cannot_be_guessed(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    tokens = {admin_token.kept(folder) for folder in folders}
    assert [len(token) >= 43 for token in tokens] == [True, True]  # 256 bits in base64


def test_a_token_is_its_owner_s_to_read(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        admin_token.kept(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "admin.token").stat().st_mode) == 0o600


def test_a_token_that_an_operator_wrote_is_taken(tmp_path: Path) -> None:
    (tmp_path / "admin.token").write_text("  of my own\n\n")
    assert admin_token.kept(tmp_path) == "of my own"


@pytest.mark.parametrize("text", ["", "\n", "  \n"])
def test_an_empty_file_is_no_token(tmp_path: Path, text: str) -> None:
    (tmp_path / "admin.token").write_text(text)
    token = admin_token.kept(tmp_path)
    assert (len(token) >= 43, admin_token.kept(tmp_path)) == (True, token)


def test_a_folder_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        admin_token.kept(tmp_path / "nowhere")


def shown(unless: Callable[[], bool] = lambda: False, **fields: str) -> Answer:
    """What is said to who shows these fields where the token is `right`."""
    app = FastAPI(openapi_url=None)

    @app.get("/", dependencies=[Depends(admin_token.known("right", unless=unless))])
    async def inside() -> str:
        return "in"

    return asked(app, "GET", "/", **fields)


def test_who_shows_the_token_is_let_in() -> None:
    assert shown(authorization="Bearer right").status == 200


@pytest.mark.parametrize(
    "text",
    ["", "right", "Bearer", "Bearer ", "Bearer wrong", "Bearer right ", "Basic right", "Bearer é"],
)
def test_who_shows_anything_else_is_not(text: str) -> None:
    assert shown(authorization=text).status == 401


def test_who_shows_nothing_hears_what_to_show() -> None:
    answer = shown()
    assert answer.fields["www-authenticate"] == 'Bearer realm="tta-gateway admin"'
    assert "admin.token" in answer.json["detail"]


def test_where_nobody_need_show_it_all_are_let_in() -> None:
    assert shown(unless=lambda: True).status == 200
