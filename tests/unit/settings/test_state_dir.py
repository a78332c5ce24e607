"""The state folder, of a file that may be broken."""

from pathlib import Path

import pytest

from tta_gateway.settings.state_dir import state_dir

BROKEN = "routes: [\n"
VARIABLE = "TTA_GATEWAY__STATE_DIR"


def of(text: str, tmp_path: Path, **environ: str) -> str:
    file = tmp_path / "gateway.yaml"
    file.write_text(text)
    return state_dir(file, environ)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("state_dir: /s\nroutes: []\n", "/s"),
        ("state_dir: /s\nstate_dir: /t\n", "/s"),
        ("no_such_key: 1\nstate_dir: &a '/with space'\n", "/with space"),
        (f"state_dir: /s  # here\n{BROKEN}", "/s"),
        (f'{BROKEN}\n"a": "\nstate_dir : "/s"\n', "/s"),
        (f"a:\n  state_dir: /s\n{BROKEN}", "./var"),
        (f"{BROKEN}state_dir: [\n", "./var"),
        (BROKEN, "./var"),
        ("", "./var"),
        ("- 1\n", "./var"),
        ("state_dir: 7\n", "./var"),
        ("state_dir: ''\n", "./var"),
        ("state_dir:\n", "./var"),
    ],
)
def test_whatever_else_is_wrong_with_a_file_its_state_folder_counts(
    text: str, found: str, tmp_path: Path
) -> None:
    assert of(text, tmp_path) == found


def test_a_file_that_is_no_text_names_its_folder_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_bytes(b"state_dir: /s\na: \xff\n")
    assert state_dir(tmp_path / "gateway.yaml", {}) == "/s"


def test_a_file_that_is_not_there_names_no_folder(tmp_path: Path) -> None:
    assert state_dir(tmp_path / "none.yaml", {}) == "./var"
    assert state_dir(tmp_path, {VARIABLE: "/s"}) == "/s"


@pytest.mark.parametrize("text", [BROKEN, "state_dir: /file\n", "- 1\n"])
def test_the_environment_comes_before_the_file(text: str, tmp_path: Path) -> None:
    assert of(text, tmp_path, **{VARIABLE: "/s", "TTA_GATEWAY__WORKERS": "x"}) == "/s"


def test_a_variable_that_holds_no_text_names_no_folder(tmp_path: Path) -> None:
    assert of("state_dir: /file\n", tmp_path, **{VARIABLE: "["}) == "/file"
    assert of("state_dir: /file\n", tmp_path, **{VARIABLE: "7"}) == "./var"
