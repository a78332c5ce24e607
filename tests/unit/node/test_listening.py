"""How a listener is reached; that sockets are bound is in tests/e2e."""

from pathlib import Path
from typing import Any, cast

import pytest

from tta_gateway.node import near
from tta_gateway.node.listening import Listening, close_all, unix_for_us, url
from tta_gateway.snapshot.model import Listener, ListenerTls


class Socket:
    """A socket that knows its name."""

    def __init__(self, *name: object) -> None:
        self._name = name

    def getsockname(self) -> tuple[object, ...]:
        return self._name


@pytest.mark.parametrize(
    ("name", "listener", "where"),
    [
        (("127.0.0.1", 8080), Listener(host="127.0.0.1"), "http://127.0.0.1:8080"),
        (("::1", 8080, 0, 0), Listener(host="::1"), "http://[::1]:8080"),
        (
            ("127.0.0.1", 8443),
            Listener(host="127.0.0.1", tls=ListenerTls(certificates=())),
            "https://127.0.0.1:8443",
        ),
        (("",), Listener(unix="/run/gateway.sock"), "unix:/run/gateway.sock"),
    ],
)
def test_a_listener_is_reached_where_its_socket_is_bound(
    name: tuple[object, ...], listener: Listener, where: str
) -> None:
    assert url(cast("Any", Socket(*name)), listener) == where


# Sockets that go on


def test_a_node_that_goes_on_binds_nothing_and_has_the_same_sockets(tmp_path: Path) -> None:
    listener = Listener(unix=str(tmp_path / "gateway.sock"))
    sock = near.listening(tmp_path / "gateway.sock")
    fd = sock.detach()
    kept = Listening(listener, 3, fds=[fd])
    assert (kept.fds, kept.url) == ([fd], f"unix:{listener.unix}")
    assert [kept.of(slot).fileno() for slot in range(3)] == [fd] * 3
    kept.close()


def test_who_waits_in_the_queue_is_served_by_the_one_that_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    fd = near.listening(path).detach()
    with near.connected(path, 5.0) as client:
        client.sendall(b"hello")
        kept = Listening(Listener(unix=str(path)), 1, fds=[fd])
        served, _ = kept.of(0).accept()
        with served:
            assert served.recv(64) == b"hello"
        kept.close()


def test_every_slot_has_its_own_socket_again(tmp_path: Path) -> None:
    fds = [near.listening(tmp_path / name).detach() for name in ("a", "b")]
    kept = Listening(Listener(unix=str(tmp_path / "a")), 2, fds=fds)
    assert [kept.of(slot).fileno() for slot in range(3)] == [*fds, fds[0]]
    kept.close()


def test_a_descriptor_that_is_none_is_an_error_that_names_the_address() -> None:
    with pytest.raises(OSError, match="descriptor") as error:
        Listening(Listener(host="::1", port=8080), 1, fds=[10_000])
    assert error.value.filename == "::1:8080"


def test_the_end_takes_the_name_of_a_unix_socket_away(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    one = Listening(Listener(unix=str(path)), 1, fds=[near.listening(path).detach()])
    close_all([one])
    assert (path.exists(), one.fds) == (False, [-1])


def test_what_is_no_socket_stays_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    path.write_text("of value")
    with pytest.raises(FileExistsError, match="is there already and is no socket") as error:
        Listening(Listener(unix=str(path)), 1)
    assert (error.value.filename, path.read_text()) == (str(path), "of value")


def test_what_a_dead_one_left_behind_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    near.listening(path).close()
    one = Listening(Listener(unix=str(path)), 2)
    near.connected(path, 5.0).close()
    assert path.stat().st_mode & 0o777 == 0o600
    one.close()
    assert not path.exists()


def test_the_end_leaves_what_another_has_put_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    one = Listening(Listener(unix=str(path)), 1)
    path.unlink()
    with near.listening(path):
        one.close()
        near.connected(path, 5.0).close()


def test_the_end_leaves_a_file_that_has_taken_its_place(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    one = Listening(Listener(unix=str(path)), 1)
    path.unlink()
    path.write_text("of value")
    one.close()
    assert path.read_text() == "of value"


def test_the_end_is_no_harm_where_its_name_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    one = Listening(Listener(unix=str(path)), 1)
    path.unlink()
    one.close()
    assert one.fds == [-1]


def test_a_socket_of_our_own_is_made_where_there_is_none(tmp_path: Path) -> None:
    with unix_for_us(tmp_path / "own.sock", -1) as sock:
        assert sock.getsockname().endswith("/own.sock")


def test_a_socket_of_our_own_goes_on(tmp_path: Path) -> None:
    fd = near.listening(tmp_path / "own.sock").detach()
    with unix_for_us(tmp_path / "own.sock", fd) as sock:
        assert sock.fileno() == fd
