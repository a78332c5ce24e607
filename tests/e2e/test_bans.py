"""What administrators say outlives a full stop of the gateway, and a database that is away."""

import os
import signal
import time
from pathlib import Path
from typing import Final

import pytest

from tests.helpers.cuttable import Cuttable
from tests.helpers.databases import postgres
from tests.helpers.postgres_server import PostgresServer
from tests.helpers.shielded import Node, node_of
from tests.helpers.slow import companion_of, wait_until

__all__ = ["postgres"]
pytestmark = pytest.mark.e2e

BANNED: Final = "127.7.1.0/24"
WITHIN: Final = "127.7.1.9"
FORGIVEN: Final = "127.7.2.0/24"
SLOWLY: Final = 20.0  # seconds in which a database is opened on a busy machine


def ban_of(node: Node, source: str) -> dict[str, object] | None:
    return next((one for one in node.lists()["blocks"] if one["source"] == source), None)


def is_kept(node: Node, source: str) -> bool:
    found = ban_of(node, source)
    return found is not None and found["kept"] is True


def say(node: Node) -> dict[str, object]:
    """Keep two networks out, and let one in again; return what is told of the other."""
    for one in (BANNED, FORGIVEN):
        node.keep_out(one)
    assert wait_until(lambda: is_kept(node, BANNED) and is_kept(node, FORGIVEN), SLOWLY)
    node.let_in(FORGIVEN)
    found = ban_of(node, BANNED)
    assert found
    said = node.stage.events("shield_block_set", "shield_block_lifted")
    assert [(one["event"], one["source"], one["by"]) for one in said] == [
        ("shield_block_set", BANNED, "admin"),
        ("shield_block_set", FORGIVEN, "admin"),
        ("shield_block_lifted", FORGIVEN, "admin"),
    ]
    return found


def test_a_ban_outlives_a_full_stop_and_who_was_let_in_stays_in(tmp_path: Path) -> None:
    """In SQLite, which nobody else has asked for.  Red where node/banning.py reads nothing."""
    with node_of(tmp_path) as node:
        assert not (tmp_path / "state" / "gateway.sqlite3").exists()
        said = say(node)
    with node_of(tmp_path) as node:
        assert wait_until(lambda: is_kept(node, BANNED), SLOWLY)
        assert ban_of(node, BANNED) == said
        assert node.lists()["read"] is True
        assert wait_until(lambda: node.is_out(WITHIN))
        assert ban_of(node, FORGIVEN) is None
        assert node.ask("/a", "127.7.2.9")[0] == 200
        assert node.stage.events("shield_bans_read")


def test_a_start_without_the_database_goes_on_and_says_so_and_makes_up_for_it(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """In PostgreSQL; what is said meanwhile outlives control, and is written when it is back."""
    with Cuttable(postgres.port) as line:
        url = tmp_path / "database"
        url.write_text(postgres.url.replace(f":{postgres.port}/", f":{line.port}/"))
        config = {"database_url": {"file": str(url)}}
        with node_of(tmp_path, config=config) as node:
            said = say(node)
        line.cut()
        with node_of(tmp_path, config=config) as node:
            assert node.ask("/a", WITHIN)[0] == 200  # nobody can know it
            assert node.lists()["read"] is False
            node.keep_out(FORGIVEN)
            assert wait_until(lambda: node.is_out("127.7.2.9"))
            assert not is_kept(node, FORGIVEN)
            assert wait_until(lambda: bool(node.stage.events("shield_bans_away")), SLOWLY)
            control = companion_of(node.stage.gateway.process.pid, "control")
            assert control
            os.kill(control, signal.SIGKILL)
            time.sleep(0.5)
            line.mend()
            assert wait_until(lambda: is_kept(node, BANNED), SLOWLY)
            assert wait_until(lambda: is_kept(node, FORGIVEN), SLOWLY)
            assert ban_of(node, BANNED) == said
            assert wait_until(lambda: node.is_out(WITHIN))
            assert node.is_out("127.7.2.9")
