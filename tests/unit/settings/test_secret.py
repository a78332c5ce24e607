"""Secrets: where they stand is shown, what they are is not."""

import os
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from tests.helpers.configuration import completed
from tta_gateway.kernel.errors import ConfigError
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.load import Loaded, load_text
from tta_gateway.settings.secret import LARGEST, Holds, Secret, Sources, secrets_of, without
from tta_gateway.settings.show import show
from tta_gateway.support.config import Config, line

URL = "rediss://:hunter2@h:6379"


class Folder:
    """The folder of a configuration, which is not the one that the test runs in."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, text: str | bytes, name: str = "secret") -> Path:
        file = self.path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def load(self, text: str, **environ: str) -> Loaded:
        name = str(self.path / "gateway.yaml")
        return load_text(completed(f"state_dir: /s\n{text}"), name, environ=environ)

    def refused(self, written: str, **environ: str) -> str:
        """The one complaint about this value of `valkey_url`, without the name of the folder."""
        with pytest.raises(ConfigError) as caught:
            self.load(f"valkey_url: {written}\n", **environ)
        (complaint,) = caught.value.complaints
        return complaint.replace(f"{self.path}/", "")

    def password(self, written: str, **environ: str) -> str:
        """The password of `valkey_url`."""
        snapshot = compile_snapshot(self.load(f"valkey_url: {written}\n", **environ).settings, 1)
        assert snapshot.state is not None
        return snapshot.state.login.password


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_file_is_found_from_the_folder_of_the_configuration(folder: Folder, end: str) -> None:
    folder.put(URL + end)
    assert folder.password("{file: secret}") == "hunter2"


def test_a_whole_path_is_taken_as_it_is(folder: Folder) -> None:
    assert folder.password(f"{{file: {folder.put(URL)}}}") == "hunter2"


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_variable_holds_one_as_well(folder: Folder, end: str) -> None:
    assert folder.password("{env: STORE}", STORE=URL + end) == "hunter2"


def test_a_file_is_read_each_time(folder: Folder) -> None:
    folder.put(URL)
    folder.password("{file: secret}")
    folder.put("rediss://:other@h")
    assert folder.password("{file: secret}") == "other"


def test_the_environment_may_say_where_it_stands(folder: Folder) -> None:
    folder.put(URL)
    loaded = folder.load("", TTA_GATEWAY__VALKEY_URL__FILE="secret")
    assert "  file: secret  # from TTA_GATEWAY__VALKEY_URL__FILE\n" in show(
        loaded.settings, loaded.document
    )


@pytest.mark.parametrize("written", ["{file: secret}", "{env: STORE}"])
def test_what_is_shown_is_where_it_stands_and_can_be_loaded(folder: Folder, written: str) -> None:
    folder.put(URL)
    loaded = folder.load(f"valkey_url: {written}\n", STORE=URL)
    text = show(loaded.settings, loaded.document)
    again = load_text(text, str(folder.path / "again.yaml"), environ={"STORE": URL})
    assert written.strip("{}") in text
    assert compile_snapshot(again.settings, 1) == compile_snapshot(loaded.settings, 1)
    for seen in (text, repr(loaded.settings), str(loaded.settings), repr(loaded.document)):
        assert "hunter2" not in seen


def test_nor_is_it_in_what_the_snapshot_shows(folder: Folder) -> None:
    folder.put(URL)
    snapshot = compile_snapshot(folder.load("valkey_url: {file: secret}\n").settings, 1)
    assert "hunter2" not in repr(snapshot)


def test_the_snapshot_names_each_file_once(folder: Folder) -> None:
    folder.put(URL)
    other = folder.put("rediss://other", "other")
    text = "valkey_url: {file: secret}\ncache_url: {file: other}\n"
    files = compile_snapshot(folder.load(text).settings, 1).secret_files
    assert [Path(file.path).name for file in files] == ["secret", "other"]
    assert files[1].stamp[1:] == (len("rediss://other"), other.stat().st_mtime_ns)


def test_a_path_that_is_not_whole_is_whole_in_the_snapshot(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder.put(URL)
    monkeypatch.chdir(folder.path)
    loaded = load_text(completed("valkey_url: {file: secret}\n"), "gateway.yaml", environ={})
    assert [one.path for one in compile_snapshot(loaded.settings, 1).secret_files] == [str(file)]


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        (
            "{file: none}",
            "2:14 valkey_url.file: `none` cannot be read: No such file or directory: a path that "
            "is not whole begins at the folder of the configuration",
        ),
        ("{file: empty}", "2:14 valkey_url.file: `empty` is empty: write the secret into it"),
        ("{file: line}", "2:14 valkey_url.file: `line` is empty: write the secret into it"),
        ("{file: latin}", "2:14 valkey_url.file: `latin` does not hold UTF-8: write it as text"),
        (
            "{file: large}",
            "2:14 valkey_url.file: `large` is larger than 64KiB: name a file that holds the "
            "secret alone",
        ),
        (
            "{file: pipe}",
            "2:14 valkey_url.file: `pipe` is no file: name one that holds the secret and no more",
        ),
        (
            "{file: 5}",
            "2:14 valkey_url.file: must be the path of a file, in quotes where YAML takes it for "
            "another",
        ),
        (
            '{file: "a\\nb"}',
            "2:14 valkey_url.file: must be text without line breaks or control characters, and "
            "not empty",
        ),
        (
            "{env: NONE}",
            "2:14 valkey_url.env: `NONE` is not set in the environment: set it for the process "
            "that says this, and where the gateway is started",
        ),
        ("{env: EMPTY}", "2:14 valkey_url.env: `EMPTY` is empty: write the secret into it"),
        ("{env: LATIN}", "2:14 valkey_url.env: `LATIN` does not hold UTF-8: write it as text"),
        (
            "{env: hunter 2}",
            "2:14 valkey_url.env: must be the name of a variable: letters, digits and `_` make "
            "one, and it does not begin with a digit",
        ),
        ("{}", "2:1 valkey_url: must name one of the two: `file: …` or `env: …`"),
        (
            "{file: good, env: GOOD}",
            "2:1 valkey_url: must name one of the two: `file: …` or `env: …`",
        ),
        (
            "{password: hunter2}",
            "2:14 valkey_url.password: is not a key here: known are `env`, `file`",
        ),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place_and_what_to_do(
    folder: Folder, written: str, complaint: str
) -> None:
    for name, text in (("good", URL), ("empty", ""), ("line", "\n")):
        folder.put(text, name)
    folder.put(b"\xff", "latin")
    folder.put("a" * (LARGEST + 1), "large")
    os.mkfifo(folder.path / "pipe")
    environ = {"GOOD": URL, "EMPTY": "", "LATIN": "\udcff"}
    assert folder.refused(written, **environ) == f"gateway.yaml:{complaint}"


def test_who_may_not_read_it_is_told_whom_to_let(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")  # root, who may run this, is never refused

    folder.put(URL)
    monkeypatch.setattr(Path, "open", refuse)
    assert folder.refused("{file: secret}") == (
        "gateway.yaml:2:14 valkey_url.file: `secret` cannot be read: Permission denied: let the "
        "gateway's user read it (`chown`), and nobody else"
    )


@pytest.mark.parametrize("held", ["hunter2", "rediss://hunter2:port", "rediss://-hunter2", "`"])
def test_what_is_wrong_with_a_secret_is_said_without_it(folder: Folder, held: str) -> None:
    folder.put(held)
    complaint = folder.refused("{file: secret}")
    assert complaint.startswith("gateway.yaml:2:1 valkey_url: what stands in `secret`: ")
    assert "hunter2" not in complaint


@given(st.text(min_size=1), st.text(), st.text())
def test_no_sentence_quotes_a_piece_of_a_secret(piece: str, before: str, behind: str) -> None:
    said = without(f"must not be `{piece}`", f"{before}{piece}{behind}")
    assert said in ("must not be `…`", "it is not what belongs here")


def test_a_sentence_keeps_what_it_quotes_of_others() -> None:
    assert (
        without("write `rediss://host`, not `h!`", "rediss://h!")
        == "write `rediss://host`, not `…`"
    )


def test_both_stores_may_not_be_one_wherever_that_is_written(folder: Folder) -> None:
    folder.put(f"{URL}/0")
    with pytest.raises(ConfigError, match=r":3:1 cache_url: is the server for state too"):
        folder.load("valkey_url: {file: secret}\ncache_url: {env: STORE}\n", STORE=URL)


def test_what_is_written_twice_is_told_once(folder: Folder) -> None:
    folder.put(URL)
    with pytest.raises(ConfigError) as caught:
        folder.load("valkey_url: {file: secret}\ncache_url: {file: secret}\n")
    assert len(caught.value.complaints) == 1


# --- of other kinds ------------------------------------------------------------------------------


def _token(text: object) -> str:
    return line(str(text))


class Other(Config):
    """Settings with secrets that may not be written plain."""

    token: Annotated[Secret[str], Holds(_token)]
    """A token."""

    more: dict[str, tuple["Other", ...]] = Field(default_factory=dict)
    """Others."""


def made(tree: object) -> Other:
    return Other.model_validate(tree, context=Sources(Path("/nowhere"), {"T": "hunter2"}))


HERE = {"token": {"env": "T"}}


def test_a_secret_of_any_kind_is_found_wherever_it_is() -> None:
    tree = {**HERE, "more": {"a": ()}}
    assert [path for path, _ in secrets_of(made(tree))] == [("token",)]
    inner = (made(HERE), made(HERE))
    nested = Other.model_construct(token=inner[0].token, more={"a": inner})
    found = dict(secrets_of(nested))
    assert list(found) == [("token",), ("more", "a", 0, "token"), ("more", "a", 1, "token")]
    assert {secret.value for secret in found.values()} == {"hunter2"}


@pytest.mark.parametrize("bare", ["hunter2", 5, None, ["hunter2"]])
def test_one_that_is_no_url_does_not_stand_in_the_file(bare: object) -> None:
    with pytest.raises(ValidationError, match="does not stand in the configuration") as caught:
        made({"token": bare})
    assert "hunter2" not in str(caught.value)


def test_editors_are_told_what_may_stand_there() -> None:
    (token, url) = (
        Other.model_json_schema()["$defs"]["Other"]["properties"]["token"],
        made(HERE).model_dump(mode="json")["token"],
    )
    assert token["$ref"] == "#/$defs/SecretConfig"
    assert url == {"env": "T"}
