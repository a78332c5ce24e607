"""Looking into what happened, by the state folder alone."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.unit.node.test_error_keeping import MARK, a_record
from tta_gateway.cli.configured import loaded_of, snapshot_of
from tta_gateway.cli.entry import main
from tta_gateway.features.error_records.sqlite_store import SqliteStore
from tta_gateway.node.error_sealing import Seal
from tta_gateway.node.key_ring import ring_of
from tta_gateway.support.crypto.key_store import KeyStore


@pytest.fixture
def file(tmp_path: Path) -> Path:
    state, made = tmp_path / "state", tmp_path / "gateway.yaml"
    state.mkdir()
    written = {
        "state_dir": str(state),
        "services": {"up": {"endpoints": ["http://127.0.0.1:9"]}},
        "routes": [{"path": "/x", "service": "up", "auth": "none"}],
    }
    made.write_text(json.dumps(written))
    return made


def run(file: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["errors", words[0], "-c", str(file), *words[1:]])


def keep(file: Path) -> KeyStore:
    snapshot = snapshot_of(loaded_of(file).settings)
    state, keys = Path(snapshot.state_dir), ring_of(snapshot)
    seal, store = Seal(state, keys), SqliteStore(state)
    store.add(seal.rows([a_record(1, person="gateway/ada")]))
    seal.close()
    store.close()
    return KeyStore(state, keys)


def test_records_are_listed_and_read_with_a_reason(file: Path) -> None:
    assert run(file, "list").output == "there is no record\n"
    keep(file)
    listed = run(file, "list", "--correlation", "c-1")
    assert listed.output.startswith("r1  2023-")
    assert MARK not in listed.output
    assert run(file, "read", "r1").exit_code == 2
    run(file, "read", "r1", "--reason", "chat fails")
    told = run(file, "read", "r1", "--reason", "to see it again")
    found = json.loads(told.output)
    assert (found["record"]["body"], found["read"][0]["reason"]) == (MARK, "chat fails")
    assert run(file, "read", "r2", "--reason", "chat fails").exit_code == 1


def test_what_is_erased_or_broken_is_said_to_be(file: Path) -> None:
    keys = keep(file)
    keys.erase("gateway/ada")
    keys.close()
    gone = run(file, "read", "r1", "--reason", "chat fails")
    assert (gone.exit_code, "nobody can read it" in gone.output) == (1, True)


def test_an_operator_can_find_somebody_in_the_log_of_a_day(file: Path) -> None:
    today, then = (
        run(file, "pseudonym", "ada"),
        run(file, "pseudonym", "ada", "--day", "2026-01-02"),
    )
    assert today.output.startswith("person/")
    assert today.output != then.output
    assert not re.search(r"\bada\b", today.output)  # among hexadecimal digits it may stand
