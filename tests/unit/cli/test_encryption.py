"""The keys that seal the keys of people, from the command line."""

from pathlib import Path

from tests.helpers.command_line import run
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.crypto.ring import Ring, id_of
from tta_gateway.support.crypto.sealing import derived

OLD, NEW = bytes(range(32)), bytes(range(32, 64))


def ring(*keys: bytes) -> Ring:
    return Ring([derived(one, b"tta-gateway key encryption 1") for one in keys])


def command(word: str, state: Path, file: Path, keys: str) -> tuple[int, list[str]]:
    done = run(
        *("encryption", word, "-c", str(file)),
        TTA_GATEWAY__STATE_DIR=str(state),
        TTA_GATEWAY__ENCRYPTION__KEYS=keys,
        OLD=OLD.hex(),
        NEW=NEW.hex(),
    )
    return done.exit_code, done.output.splitlines()


def test_keys_are_sealed_anew_and_the_old_one_may_go(tmp_path: Path, file: Path) -> None:
    store = KeyStore(tmp_path, ring(OLD))
    ana = store.of("ana")
    store.of("ben")
    both = "[{env: NEW}, {env: OLD}]"
    old, new = (ring(one).newest.hex() for one in (OLD, NEW))
    assert command("status", tmp_path, file, both) == (
        0,
        [f"{new}  0 keys  0 journals  seals", f"{old}  2 keys  0 journals"],
    )
    assert command("rewrap", tmp_path, file, both) == (0, ["2 keys are sealed anew"])
    assert command("status", tmp_path, file, "[{env: NEW}]") == (
        0,
        [f"{new}  2 keys  0 journals  seals"],
    )
    alone = KeyStore(tmp_path, ring(NEW))
    assert alone.by_id(ana.id) == ana.key
    alone.close()
    store.close()


def test_a_file_that_is_none_is_told_of(tmp_path: Path, file: Path) -> None:
    (tmp_path / "keys.db").write_bytes(b"no database, but long enough to be looked at" * 100)
    for word in ("status", "rewrap"):
        status, lines = command(word, tmp_path, file, "[{env: OLD}]")
        assert status == 1
        assert "keys.db" in lines[-1]


def test_a_key_that_cannot_be_had_is_told_of(tmp_path: Path, file: Path) -> None:
    (tmp_path / "encryption.key").write_bytes(b"short")
    status, lines = command("status", tmp_path, file, "[]")
    assert status == 1
    assert "holds no key" in lines[-1]
    assert id_of(OLD).hex() not in lines[-1]
