"""etcd as a registry, on a real one (Debian's etcd-server)."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.etcd_server import EtcdServer, etcd_server
from tests.helpers.found import Told, in_loop, watched
from tests.helpers.registry_server import Answering, Asked, serving
from tta_gateway.features.discovery.bound import Etcd, RegistryOrigin
from tta_gateway.features.discovery.etcd_provider import EtcdProvider

pytestmark = pytest.mark.e2e
Misread = list[tuple[str, str]]


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    with etcd_server(tmp_path_factory.mktemp("etcd")) as one:
        yield one


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    """A part of the keys that no other test uses."""
    return f"/{tmp_path.name}/"


def provider(*ports: int, prefix: str, misread: Misread | None = None, **more: str) -> EtcdProvider:
    origins = tuple(RegistryOrigin(host="127.0.0.1", port=port) for port in ports)
    settings = Etcd(origins=origins, prefix=prefix, **more)
    wanted = {"players": ("players", False), "chat": ("chat", True)}
    heard: Misread = [] if misread is None else misread
    return EtcdProvider(settings, wanted, misread=lambda key, why: heard.append((key, why)))


@in_loop
async def test_keys_that_are_written_change_and_go_are_told(etcd: EtcdServer, prefix: str) -> None:
    etcd.put(f"{prefix}players/a", address="10.0.0.1", port=9001)
    async with watched(provider(etcd.port, prefix=prefix)) as told:
        await told.until("players", "10.0.0.1:9001")
        await told.until("chat")
        etcd.put(f"{prefix}players/b", address="10.0.0.2", port=9001, weight=5)
        await told.until("players", "10.0.0.1:9001", "10.0.0.2:9001")
        etcd.put(f"{prefix}players/a", address="10.0.0.1", port=9001, draining=True)
        await told.until("players", "10.0.0.1:9001 drains", "10.0.0.2:9001")
        etcd.delete(f"{prefix}players/a")
        await told.until("players", "10.0.0.2:9001")
        etcd.put(f"{prefix}chat/a", address="10.0.0.3", port=9003)
        await told.until("chat", "10.0.0.3:9003")
        players, chat = told.now("players"), told.now("chat")
        assert players is not None
        assert chat is not None
        assert (players[0].endpoint.weight, players[0].endpoint.tls) == (5, False)
        assert chat[0].endpoint.tls
        assert told.unreachable == []


@in_loop
async def test_an_instance_goes_with_its_lease(etcd: EtcdServer, prefix: str) -> None:
    etcd.put(f"{prefix}players/a", lease=etcd.lease(1), address="10.0.0.1", port=9001)
    etcd.put(f"{prefix}players/b", address="10.0.0.2", port=9001)
    async with watched(provider(etcd.port, prefix=prefix)) as told:
        await told.until("players", "10.0.0.1:9001", "10.0.0.2:9001")
        await told.until("players", "10.0.0.2:9001")


@in_loop
async def test_a_change_is_known_within_a_quarter_of_a_second(
    etcd: EtcdServer, prefix: str
) -> None:
    async with watched(provider(etcd.port, prefix=prefix)) as told:
        await told.until("players")
        begun = time.monotonic()
        etcd.put(f"{prefix}players/a", address="10.0.0.1", port=9001)
        await told.until("players", "10.0.0.1:9001")
        assert time.monotonic() - begun < 0.25


@pytest.mark.parametrize(
    "text",
    ["10.0.0.1:9001", "{}", '{"address": "", "port": 1}', '{"address": "a", "port": 0}', "\x00"],
)
@in_loop
async def test_a_value_that_is_no_instance_is_left_out_and_told_of(
    etcd: EtcdServer, prefix: str, text: str
) -> None:
    misread: Misread = []
    etcd.put_text(f"{prefix}players/bad", text)
    etcd.put(f"{prefix}players/good", address="10.0.0.1", port=9001)
    async with watched(provider(etcd.port, prefix=prefix, misread=misread)) as told:
        await told.until("players", "10.0.0.1:9001")
    assert [key for key, _ in misread] == [f"{prefix}players/bad"]


@in_loop
async def test_what_has_been_compacted_away_is_read_anew(etcd: EtcdServer, prefix: str) -> None:
    """Between the reading and the watching everything changes and is compacted."""
    one = provider(etcd.port, prefix=prefix)
    read = one._read
    reads = 0

    async def reading(*args: object) -> tuple[int, dict[str, str]]:
        nonlocal reads
        reads += 1
        found = await read(*args)  # type: ignore[arg-type]  # passed on as they are
        if reads == 1:
            for port in range(1, 5):
                etcd.put(f"{prefix}players/a", address="10.0.0.1", port=port)
            etcd.ask("/v3/kv/compaction", revision=str(etcd.revision()))
        return found

    one._read = reading  # type: ignore[assignment,method-assign]  # it stands between
    async with watched(one) as told:
        await told.until("players", "10.0.0.1:4")
        assert told.unreachable == []
        assert reads == 2


@in_loop
async def test_a_member_that_dies_is_told_and_the_next_is_asked(tmp_path: Path) -> None:
    with etcd_server(tmp_path / "own") as own:
        own.put("/s/players/a", address="10.0.0.1", port=9001)
        one = provider(own.port, prefix="/s/")
        async with watched(one) as told:
            await told.until("players", "10.0.0.1:9001")
            own.kill()
            assert "closed the connection" in await told.ends() or told.unreachable
        again = Told()
        await again.watch(one)
        assert "refused" in again.unreachable[0].lower() or "Connect" in again.unreachable[0]
        own.start()
        async with watched(one) as told:
            await told.until("players", "10.0.0.1:9001")


@in_loop
async def test_of_several_members_another_is_asked_after_one_that_is_away(
    etcd: EtcdServer, prefix: str
) -> None:
    async def nothing(_: Asked, answer: Answering) -> None:
        await answer.whole(b"no leader", status=503)

    async with serving(nothing) as server:
        one = provider(server.port, etcd.port, prefix=prefix)
        etcd.put(f"{prefix}players/a", address="10.0.0.1", port=9001)
        first = Told()
        await first.watch(one)
        assert "answers 503" in first.unreachable[0]
        async with watched(one) as told:
            await told.until("players", "10.0.0.1:9001")


@in_loop
async def test_who_must_log_in_does(tmp_path: Path) -> None:
    with etcd_server(tmp_path / "own") as own:
        own.put("/s/players/a", address="10.0.0.1", port=9001)
        own.ask("/v3/auth/user/add", name="root", password="let-me-in")
        own.ask("/v3/auth/role/add", name="root")
        own.ask("/v3/auth/user/grant", user="root", role="root")
        own.ask("/v3/auth/enable")
        told = Told()
        await told.watch(provider(own.port, prefix="/s/"))
        assert told.unreachable == [
            "it answers 400 to `/v3/kv/range`: if it asks for a login, say `discovery.etcd.user` "
            "and `password`"
        ]
        named = provider(own.port, prefix="/s/", user="root", password="let-me-in")
        async with watched(named) as told:
            await told.until("players", "10.0.0.1:9001")
        told = Told()
        await told.watch(provider(own.port, prefix="/s/", user="root", password="wrong"))
        assert told.unreachable == [
            "it answers 400 to the login of `root`: look at `discovery.etcd.user` and `password`"
        ]
        await asyncio.sleep(0)
