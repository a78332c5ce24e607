"""What the client promises, on real servers."""

import asyncio
import time
from collections.abc import Awaitable
from pathlib import Path

import pytest
import uvloop

from tests.helpers.valkey_client import client
from tests.helpers.valkey_server import Kind, Server, server
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.connection import MOST
from tta_gateway.support.valkey.error import Refused, Timeout, Unavailable
from tta_gateway.support.valkey.fitness import complaints
from tta_gateway.support.valkey.script import Script
from tta_gateway.support.valkey.topology import Address, Login

pytestmark = pytest.mark.redis
ADD = Script("return {redis.call('INCRBY', KEYS[1], ARGV[1]), redis.call('PTTL', KEYS[1])}")


async def error_of(answer: Awaitable[object]) -> Exception:
    """What a command ends with."""
    with pytest.raises((Unavailable, Refused)) as caught:
        await answer
    return caught.value


async def until(one: Valkey, *, is_open: bool, patience: float = 3.0) -> float:
    """Wait for a client to be connected, or not; return how long that took."""
    begun = time.monotonic()
    while one.is_open is not is_open:
        assert time.monotonic() - begun < patience
        await asyncio.sleep(0.005)
    return time.monotonic() - begun


def test_answers_come_in_the_order_of_commands(shared: Server) -> None:
    async def body() -> None:
        async with client(shared.unix) as (one, _):
            await one.command(b"DEL", b"n")
            answers = [one.command(b"INCR", b"n") for _ in range(500)]
            echoes = [one.command(b"ECHO", b"%d" % n) for n in range(500)]
            assert await asyncio.gather(*answers) == list(range(1, 501))
            assert await asyncio.gather(*echoes) == [b"%d" % n for n in range(500)]

    uvloop.run(body())


def test_tcp_and_the_unix_socket_lead_to_the_same_server(shared: Server) -> None:
    async def body() -> None:
        async with client(shared.unix) as (one, _), client(shared.address) as (other, _):
            await one.command(b"SET", b"where", b"here")
            assert await other.command(b"GET", b"where") == b"here"

    uvloop.run(body())


def test_a_socket_is_reached_by_a_path_that_is_longer_than_sockets_may_have(
    shared: Server, tmp_path: Path
) -> None:
    """Red without the folder's descriptor in `_connect` (dial.py)."""
    near = tmp_path / ("far" * 40)
    near.symlink_to(shared.folder)

    async def body() -> None:
        async with client(Address(unix=str(near / "s"))) as (one, _):
            assert await one.command(b"PING") == b"PONG"

    uvloop.run(body())


def test_a_cancelled_command_takes_its_answer_with_it(shared: Server) -> None:
    """Red where a cancelled Pending leaves the queue: the others get each other's answers."""

    async def body() -> None:
        async with client(shared.unix) as (one, _):
            futures = [one.command(b"ECHO", b"%d" % n) for n in range(100)]
            for future in futures[::2]:
                future.cancel()
            assert await asyncio.gather(*futures[1::2]) == [b"%d" % n for n in range(1, 100, 2)]
            assert await one.command(b"ECHO", b"last") == b"last"

    uvloop.run(body())


def test_every_type_of_resp3_comes_as_its_own_in_python(shared: Server) -> None:
    async def body() -> None:
        async with client(shared.unix) as (one, _):

            async def lua(text: str) -> object:
                return await one.eval(Script(f"redis.setresp(3) {text}"), [])

            assert await lua("return 7") == 7
            assert await lua("return 'seven'") == b"seven"
            assert await lua("return true") is True
            assert await lua("return false") is False
            assert await lua("return nil") is None
            assert await lua("return {double=1.5}") == 1.5
            assert await lua("return {1, {2, 'x'}}") == [1, [2, b"x"]]
            assert await lua("return {map={a=1}}") == {b"a": 1}
            assert await lua("return {set={a=true}}") == [b"a"]
            await one.command(b"HSET", b"hash", b"a", 1, b"b", 2.5)
            assert await one.command(b"HGETALL", b"hash") == {b"a": b"1", b"b": b"2.5"}

    uvloop.run(body())


def test_an_error_of_the_server_has_its_code_and_harms_nobody(shared: Server) -> None:
    async def body() -> None:
        async with client(shared.unix) as (one, _):
            await one.command(b"SET", b"text", b"a")
            wrong, good = one.command(b"LPUSH", b"text", b"b"), one.command(b"GET", b"text")
            error = await error_of(wrong)
            assert isinstance(error, Refused)
            assert (error.code, error.is_passing) == ("WRONGTYPE", False)
            assert await good == b"a"

    uvloop.run(body())


def test_a_script_is_sent_whole_only_where_it_is_not_known(shared: Server) -> None:
    """Red without the fallback in client.py: NOSCRIPT."""

    async def body() -> None:
        async with client(shared.unix) as (one, _):
            await one.command(b"SCRIPT", b"FLUSH")
            await one.command(b"DEL", b"s")
            assert await one.eval(ADD, [b"s"], [2]) == [2, -1]
            assert await one.eval(ADD, [b"s"], [2]) == [4, -1]
            await one.command(b"SCRIPT", b"FLUSH")
            many = [one.eval(ADD, [b"s"], [1]) for _ in range(50)]
            answers = await asyncio.gather(*many)
            assert len(answers) == 50
            assert await one.command(b"GET", b"s") == b"54"

    uvloop.run(body())


def test_a_value_of_twenty_megabytes_goes_both_ways(shared: Server) -> None:
    async def body() -> None:
        async with client(shared.unix, timeout=10.0) as (one, _):
            value = b"v" * 20_000_000
            await one.command(b"SET", b"big", value)
            assert await one.command(b"GET", b"big") == value
            await one.command(b"DEL", b"big")

    uvloop.run(body())


def test_a_server_that_hangs_costs_its_deadline_and_no_more(own: Server) -> None:
    """Red without `_expire` in connection.py."""

    async def body() -> None:
        async with client(own.unix, timeout=0.1) as (one, told):
            with own.frozen():
                begun = time.monotonic()
                hung = [one.command(b"GET", b"a") for _ in range(MOST)]
                with pytest.raises(Unavailable, match="too many commands"):
                    _ = one.command(b"GET", b"a")
                lag = await longest_turn(0.09)
                errors = [await error_of(future) for future in hung]
                took = time.monotonic() - begun
                assert all(isinstance(error, Timeout) for error in errors)
                await until(one, is_open=False)
                with pytest.raises(Unavailable):
                    _ = one.command(b"GET", b"a")
            assert lag < 0.05
            assert 0.09 < took < 2.0  # on a busy machine; one behind the other would take minutes
            assert await until(one, is_open=True) < 3.0
            assert await one.command(b"PING") == b"PONG"
            assert told.events[1] == "valkey_lost the server does not answer"

    uvloop.run(body())


async def longest_turn(seconds: float) -> float:
    """How long a loop works before it comes back, at the worst, whoever else has the machine."""
    end, worst = time.monotonic() + seconds, 0.0
    while time.monotonic() < end:
        now = time.thread_time()
        await asyncio.sleep(0.001)
        worst = max(worst, time.thread_time() - now)
    return worst


def test_a_late_answer_is_nobody_elses(own: Server) -> None:
    async def body() -> None:
        async with client(own.unix) as (one, _):
            with own.frozen():
                assert isinstance(await error_of(one.command(b"ECHO", b"a", timeout=0.05)), Timeout)
                late = one.command(b"ECHO", b"b")
            assert await late == b"b"

    uvloop.run(body())


def test_a_killed_server_is_found_again_with_its_data_and_without_scripts(own: Server) -> None:
    """Red without the loop of `_keep` in link.py."""

    async def body() -> None:
        async with client(own.unix) as (one, told):
            assert await one.eval(ADD, [b"kept"], [5]) == [5, -1]
            with own.frozen():
                lost = one.command(b"GET", b"kept")
                await asyncio.sleep(0.01)
                own.kill()
                error = await error_of(lost)
            assert isinstance(error, Unavailable)
            assert error.may_be_done
            with pytest.raises(Unavailable):
                _ = one.command(b"GET", b"kept")
            await asyncio.to_thread(own.start_again)
            assert await until(one, is_open=True) < 1.5
            assert await one.eval(ADD, [b"kept"], [1]) == [6, -1]
            assert told.events[0] == "valkey_reached"
            assert told.events[-1] == "valkey_reached"

    uvloop.run(body())


def test_a_password_lets_in_and_a_wrong_one_says_so_without_telling_it(kind: Kind) -> None:
    async def body(one: Server) -> None:
        async with client(one.address, Login(password="right")) as (made, _):
            assert await made.command(b"PING") == b"PONG"
            await made.command(b"ACL", b"SETUSER", b"ann", b"on", b">hers", b"~*", b"+@all")
        user = Login(user="ann", password="hers", database=3)
        async with client(one.address, user) as (made, _):
            assert await made.command(b"ACL", b"WHOAMI") == b"ann"
            info = await made.command(b"CLIENT", b"INFO")
            assert isinstance(info, bytes)
            assert b" name=test " in info
            assert b" db=3 " in info
        for login, code in ((Login(password="wrong"), "WRONGPASS"), (Login(), "NOAUTH")):
            with pytest.raises(Unavailable, match=f"it refuses: {code}$"):
                async with client(one.address, login, patience=0.5):
                    pass

    with server(kind, "--requirepass", "right") as one:
        uvloop.run(body(one))


def test_a_replica_is_not_taken_for_a_master(kind: Kind, shared: Server) -> None:
    """Red without the role in `_greet` (dial.py)."""

    async def body(replica: Server) -> None:
        with pytest.raises(Unavailable, match="it is a replica, and a master is wanted"):
            async with client(replica.address, patience=0.5):
                pass

    with server(kind, "--replicaof", f"127.0.0.1 {shared.port}") as replica:
        uvloop.run(body(replica))


def test_a_master_that_becomes_a_replica_is_left(own: Server, shared: Server) -> None:
    """Red without READONLY in `refused` (client.py)."""

    async def body() -> None:
        async with client(own.unix) as (one, told):
            own.say("REPLICAOF", "127.0.0.1", str(shared.port))
            error = await error_of(one.command(b"SET", b"a", b"b"))
            assert isinstance(error, Refused)
            assert (error.code, error.is_passing) == ("READONLY", True)
            await until(one, is_open=False)
            assert told.stale == ["it has become a replica"]
            await asyncio.sleep(0.2)
            assert not one.is_open
            own.say("REPLICAOF", "NO", "ONE")
            await until(one, is_open=True)
            assert await one.command(b"SET", b"a", b"b") == b"OK"

    uvloop.run(body())


def test_a_full_server_says_oom_and_still_reads(kind: Kind) -> None:
    async def body(one: Server) -> None:
        async with client(one.unix) as (made, _):
            assert await made.command(b"SET", b"first", b"a") == b"OK"
            await made.command(b"CONFIG", b"SET", b"maxmemory", b"1")
            error = await error_of(made.command(b"SET", b"more", b"b"))
            assert isinstance(error, Refused)
            assert error.code == "OOM"
            assert await made.command(b"GET", b"first") == b"a"

    with server(kind, "--maxmemory-policy", "noeviction") as one:
        uvloop.run(body(one))


def test_closing_waits_for_what_is_under_way(shared: Server) -> None:
    async def body() -> None:
        async with client(shared.unix) as (one, _):
            answers = [one.command(b"ECHO", b"%d" % n) for n in range(100)]
            one.close()
            assert await asyncio.gather(*answers) == [b"%d" % n for n in range(100)]
            with pytest.raises(Unavailable, match="closed"):
                _ = one.command(b"PING")

    uvloop.run(body())


def test_what_a_server_says_of_itself_can_be_judged(kind: Kind) -> None:
    async def body(one: Server) -> None:
        async with client(one.unix) as (made, _):
            info = await made.command(b"INFO", b"server")
            settings = await made.command(b"CONFIG", b"GET", b"*")
            assert isinstance(info, bytes)
            assert isinstance(settings, dict)
            words = {name.decode(): value.decode() for name, value in settings.items()}
            durable = kind == "valkey"
            assert len(complaints("state", info.decode(), words)) == (0 if durable else 1)
            assert len(complaints("cache", info.decode(), words)) == 2

    with server(kind, "--appendonly", "yes") as one:
        uvloop.run(body(one))
