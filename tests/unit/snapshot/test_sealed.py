"""The kept snapshot, as it is made and read."""

from pathlib import Path

import msgspec
import pytest

from tta_gateway.kernel.own import OWN, endpoint
from tta_gateway.kernel.route import Endpoint, Service
from tta_gateway.snapshot import sealed
from tta_gateway.snapshot.encode import decode, encode
from tta_gateway.snapshot.kept import NAME, Compiled, keep
from tta_gateway.snapshot.model import SecretFile, Snapshot
from tta_gateway.snapshot.sealed import compiled, in_folder, kept
from tta_gateway.support.valkey.topology import Address, Store


def snapshot(folder: str) -> Snapshot:
    """One of which both servers are embedded."""
    state, cache = (
        Store(addresses=(Address(unix=str(Path(folder, "valkey", name))),), embedded=True)
        for name in ("state.sock", "cache.sock")
    )
    return Snapshot(
        version=1,
        state_dir=folder,
        listeners=(),
        services=(),
        routes=(),
        state=state,
        cache=cache,
    )


def both(data: bytes, state: Path) -> Compiled:
    return msgspec.msgpack.decode(compiled(data, state), type=Compiled)


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    data = encode(snapshot(str(tmp_path)))
    keep(both(data, tmp_path).sealed, tmp_path)
    assert kept(tmp_path) == data


def test_what_is_only_for_the_beginning_is_not_kept(tmp_path: Path) -> None:
    data = encode(snapshot(str(tmp_path)))
    made = msgspec.msgpack.decode(compiled(data, tmp_path, begun=b"more"), type=Compiled)
    keep(made.sealed, tmp_path)
    assert (made.data, kept(tmp_path)) == (b"more", data)


def test_what_was_kept_is_of_the_folder_in_which_it_is_found(tmp_path: Path) -> None:
    keep(both(encode(snapshot("./var")), tmp_path).sealed, tmp_path)
    assert decode(kept(tmp_path)) == snapshot(str(tmp_path))


def test_the_gateway_s_own_service_is_reached_in_the_folder_and_others_where_they_are(
    tmp_path: Path,
) -> None:
    other = Service(name="players", endpoints=(Endpoint(host="", port=0, unix="/run/a.sock"),))
    own = Service(name=OWN, endpoints=(endpoint("./var"),))
    before = msgspec.structs.replace(snapshot("./var"), services=(other, own))
    after = in_folder(before, tmp_path)
    assert after.services[0] == other
    assert [one.unix for one in after.services[1].endpoints] == [f"{tmp_path}/control.sock"]


def test_a_server_of_the_operators_stays_where_it_is(tmp_path: Path) -> None:
    store = Store(addresses=(Address("a.test", 6379), Address(unix="/run/valkey.sock")))
    before = msgspec.structs.replace(snapshot("./var"), state=store, cache=None)
    after = in_folder(before, tmp_path)
    assert (after.state, after.cache, after.state_dir) == (store, None, str(tmp_path))


def test_what_another_version_kept_is_said_with_what_to_do(tmp_path: Path) -> None:
    keep(both(b"\xc1", tmp_path).sealed, tmp_path)
    with pytest.raises(OSError, match="is of another version: run a good one anew"):
        kept(tmp_path)


def test_what_was_sealed_for_an_older_form_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would decode, and its services be spoken to without the authorities that it names."""
    with monkeypatch.context() as older:
        older.setattr(sealed, "_PURPOSE", b"tta-gateway snapshot 1")
        keep(both(encode(snapshot(str(tmp_path))), tmp_path).sealed, tmp_path)
    with pytest.raises(OSError, match="is of another version: run a good one anew"):
        kept(tmp_path)


def test_what_is_served_at_once_is_not_sealed(tmp_path: Path) -> None:
    assert both(b"snapshot", tmp_path).data == b"snapshot"


def test_no_secret_of_it_is_in_any_file(tmp_path: Path) -> None:
    keep(both(b"a secret of an operator", tmp_path).sealed, tmp_path)
    assert not any(b"secret" in file.read_bytes() for file in tmp_path.iterdir())


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    both(b"snapshot", tmp_path / "a" / "state")
    assert (tmp_path / "a" / "state").stat().st_mode & 0o777 == 0o700


def test_one_key_seals_all(tmp_path: Path) -> None:
    data = encode(snapshot(str(tmp_path)))
    first = both(data, tmp_path)
    both(b"two", tmp_path)
    keep(first.sealed, tmp_path)
    assert kept(tmp_path) == data


def test_where_nothing_is_kept_that_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="holds no kept configuration: run a good one first"):
        kept(tmp_path)


def test_what_does_not_fit_its_key_is_said_with_what_to_do(tmp_path: Path) -> None:
    keep(both(b"snapshot", tmp_path).sealed, tmp_path)
    (tmp_path / NAME).write_bytes(b"anything else, but long enough")
    with pytest.raises(OSError, match=r"does not fit .*snapshot\.key, or is of another .*anew"):
        kept(tmp_path)


def test_the_files_of_its_secrets_are_not_looked_at_any_more(tmp_path: Path) -> None:
    read = (SecretFile("/run/secret", (1, 2, 3)),)
    before = msgspec.structs.replace(snapshot("./var"), secret_files=read)
    assert in_folder(before, tmp_path).secret_files == ()
