"""Somebody who is erased: nothing of them is left in Valkey, and what is open of them ends."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.realtime.test_inbox import MORE, client, dead, serve
from tests.faults.test_embedded_valkey import say
from tests.helpers.hub_stage import HubStage, hub_stage
from tests.helpers.sdk import Sdk
from tests.helpers.slow import frozen, running, wait_until
from tests.helpers.valkey_client import client as client_of
from tta_gateway.support.valkey.topology import Address

pytestmark = pytest.mark.e2e
WHY = "asked for by the person"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[HubStage]:
    """A gateway with its own Valkey."""
    with hub_stage(tmp_path, more=MORE) as made:
        yield made


@pytest.fixture
def python() -> Iterator[Sdk]:
    with Sdk("python-json") as made:
        yield made


def erasure(stage: HubStage) -> dict[str, Any]:
    """The newest, as the administration tells of it."""
    return dict(stage.gateway.administer("GET", "/erasures").told["erasures"][0])


def erase(folder: Path, person: str) -> str:
    """Have somebody erased by the command line; return what it says."""
    command = [sys.executable, "-m", "tta_gateway", "person", "erase", f"platform/{person}"]
    options = ["--reason", WHY, "-c", str(folder / "gateway.yaml")]
    told = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    return told.stdout + told.stderr


def test_an_erasure_reaches_valkey_even_where_that_hangs_just_then(
    stage: HubStage, python: Sdk, tmp_path: Path, name: str
) -> None:
    """Red without `_forget` in node/erasing.py, and without node/live_erasures.py."""
    person, other = name, f"{name}-other"
    for one in (person, other):
        serve(stage, "publish", channel=f"note:{one}", data={"n": 1})
        serve(stage, "post", users=[one], data={"secret": 1}, id="dead", seconds=1)
    assert wait_until(lambda: bool(dead(stage, person)) and bool(dead(stage, other)))
    ada, ben = client(stage, python, person), client(stage, python, other)
    for each in (ada, ben):
        each.wait("letter", data={"n": 1})
    ended = len(ada.events("connecting"))
    with frozen(running(stage.gateway.stage.gateway.process.pid, "state.sock")[0]):
        told = erase(tmp_path, person)
        assert "not done here yet, is tried again (Valkey)" in told
        assert (erasure(stage)["here"], erasure(stage)["waits"]) == (False, ["store"])
        ada.wait("connecting", count=ended + 1)  # as those hear whose token has run out
    assert wait_until(lambda: bool(erasure(stage)["here"]))
    assert erasure(stage)["waits"] == []
    assert dead(stage, person) == []
    assert len(dead(stage, other)) == 1
    holds = partial(say, tmp_path / "state" / "valkey" / "state.sock")
    done = ("HEXISTS", "{tta:erasures}:done", erasure(stage)["id"])
    assert wait_until(lambda: holds(*done) == b":1\r\n", 30.0)
    ada.connected(2)
    assert b"*0" in holds("KEYS", f"{{tta:inbox:*}}:*:{person}")
    assert b"*0" not in holds("KEYS", f"{{tta:inbox:*}}:*:{other}")
    lengths = [holds("XLEN", f"{{tta:channel:note:{one}}}:stream") for one in (person, other)]
    assert lengths == [b":0\r\n", b":1\r\n"]
    assert len(ben.events("connected")) == 1
    posted = serve(stage, "post", users=[person], data={"n": 2}, id="dead")
    assert posted["letters"][0]["outcome"] == "new"
    ada.wait("letter", data={"n": 2})


def test_a_copy_of_valkey_from_before_an_erasure_shows_nothing_of_them(
    stage: HubStage, tmp_path: Path, name: str
) -> None:
    """Red without `self._keys.erase` in node/forgetting.py."""
    person, other = name, f"{name}-other"
    # Until control has told of keys of people, content is sealed without.
    assert wait_until(lambda: has_keys(tmp_path / "state" / "keys.db"))
    for one in (person, other):
        serve(stage, "publish", channel=f"note:{one}", data={"n": 1})
        serve(stage, "post", users=[one], data={"secret": 1}, id="dead", seconds=1)
    assert wait_until(lambda: bool(dead(stage, person)) and bool(dead(stage, other)))
    unix = Address(unix=str(tmp_path / "state" / "valkey" / "state.sock"))
    copy = asyncio.run(copied(unix))
    assert len(dead(stage, person)) == 1
    erase(tmp_path, person)
    assert wait_until(lambda: bool(erasure(stage)["here"]))
    asyncio.run(copied(unix, back=copy))
    assert dead(stage, person) == []
    assert len(dead(stage, other)) == 1
    tags = [one.get("tags") for one in history(stage, f"note:{person}")]
    assert tags == [{"erased": "true"}]
    assert history(stage, f"note:{other}")[0]["data"] == {"n": 1}


def has_keys(file: Path) -> bool:
    """Whether control keeps keys of people there, for what stands in Valkey."""
    if not file.exists():
        return False
    with closing(sqlite3.connect(file)) as database:
        tables = "SELECT count(*) FROM sqlite_master WHERE name = 'forest'"
        if not database.execute(tables).fetchone()[0]:
            return False
        return bool(database.execute("SELECT count(*) FROM forest").fetchone()[0])


def history(stage: HubStage, channel: str) -> list[dict[str, Any]]:
    """What is kept of a channel."""
    return list(serve(stage, "history", channel=channel, limit=10)["publications"])


async def copied(unix: Address, back: dict[bytes, bytes] | None = None) -> dict[bytes, bytes]:
    """All that a server keeps; or put it back."""
    async with client_of(unix) as (valkey, _):
        if back is None:
            names = await valkey.command("KEYS", "{tta:*")
            assert isinstance(names, list)
            made = {}
            for one in names:
                assert isinstance(one, bytes)
                said = await valkey.command("DUMP", one)
                if isinstance(said, bytes):
                    made[one] = said
            return made
        for one, said in back.items():
            await valkey.command("RESTORE", one, 0, said, "REPLACE")
        return back
