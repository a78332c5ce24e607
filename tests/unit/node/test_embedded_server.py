"""How an embedded server is started, and what is known of it."""

from pathlib import Path

import pytest

from tta_gateway.node.embedded_server import (
    ASK,
    ASK_AT_START,
    HANGS,
    LONGEST_WAIT,
    WAITS,
    Answer,
    Life,
    arguments,
    is_durable,
    is_long,
    read,
)
from tta_gateway.node.engine import Engine
from tta_gateway.node.slot import State
from tta_gateway.snapshot.model import EmbeddedServer

STATE = EmbeddedServer(name="state", max_memory=1000)
CACHE = EmbeddedServer(name="cache", max_memory=500)


def options(server: EmbeddedServer) -> dict[str, str]:
    words = arguments(server)
    return dict(zip(words[::2], words[1::2], strict=True))


def test_both_answer_on_a_unix_socket_of_this_user_alone() -> None:
    for server in (STATE, CACHE):
        found = options(server)
        assert (found["--port"], found["--unixsocketperm"]) == ("0", "600")
        assert found["--unixsocket"] == f"{server.name}.sock"


def test_state_is_kept_on_the_disk_and_never_thrown_away() -> None:
    found = options(STATE)
    assert (found["--appendonly"], found["--appendfsync"]) == ("yes", "everysec")
    assert (found["--maxmemory-policy"], found["--maxmemory"]) == ("noeviction", "1000")


def test_durable_state_waits_for_the_disk() -> None:
    durable = EmbeddedServer(name="state", max_memory=1, durable=True)
    assert options(durable)["--appendfsync"] == "always"
    assert is_durable(durable, Engine("redis", (7, 0, 15)))


def test_an_old_engine_cannot_say_what_has_reached_the_disk() -> None:
    assert is_durable(STATE, Engine("valkey", (9, 1, 2)))
    assert not is_durable(STATE, Engine("redis", (7, 0, 15)))


def test_a_cache_keeps_nothing_on_the_disk() -> None:
    found = options(CACHE)
    assert (found["--appendonly"], found["--save"]) == ("no", "")
    assert (found["--maxmemory-policy"], found["--maxmemory"]) == ("allkeys-lru", "500")


def test_a_log_is_long_beyond_a_mebibyte(tmp_path: Path) -> None:
    log = tmp_path / "state.log"
    assert not is_long(log)
    log.write_bytes(b"x" * (1 << 20))
    assert not is_long(log)
    log.write_bytes(b"x" * ((1 << 20) + 1))
    assert is_long(log)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"+PONG\r\n", Answer.GOOD),
        (b"-LOADING Valkey is loading the dataset in memory\r\n", Answer.LOADING),
        (b"", Answer.NONE),
        (b"$3\r\n", Answer.NONE),
    ],
)
def test_answers_mean(said: bytes, answer: Answer) -> None:
    assert read(said) is answer


def test_a_server_serves_from_its_first_good_answer_on() -> None:
    life = Life()
    assert (life.word, life.slot.due) == ("down", 0.0)
    life.start(10.0)
    assert (life.word, life.next_question()) == ("starting", 10.0 + ASK_AT_START)
    assert not life.hear(Answer.LOADING, 10.1)
    assert life.word == "loading"
    assert not life.hear(Answer.NONE, 10.2)
    assert life.hear(Answer.GOOD, 10.3)
    assert not life.hear(Answer.GOOD, 10.4)
    life.ask(10.5)
    assert (life.word, life.next_question()) == ("serving", 10.5 + ASK)


def test_one_that_reads_its_data_for_long_does_not_hang() -> None:
    life = Life()
    life.start(0.0)
    for second in range(60):
        assert not life.hangs(float(second))
        life.hear(Answer.LOADING, float(second))


@pytest.mark.parametrize("serving", [True, False])
def test_one_that_says_nothing_hangs_and_that_is_told_now_and_then(serving: bool) -> None:
    life = Life()
    life.start(0.0)
    if serving:
        life.hear(Answer.GOOD, 0.0)
    assert not life.hangs(HANGS)
    assert life.hangs(HANGS + 0.1)
    assert not life.hangs(HANGS + 0.2)
    assert life.hangs(2 * HANGS + 0.3)


def test_one_that_does_not_run_does_not_hang() -> None:
    assert not Life().hangs(1e9)


def test_a_folder_that_is_taken_is_waited_for_and_in_the_end_complained_about() -> None:
    life = Life()
    assert life.wait(100.0)
    assert (life.word, life.slot.due) == ("waiting", 100.0 + WAITS)
    assert not life.wait(100.1)
    assert not life.waits_too_long(100.0 + LONGEST_WAIT)
    assert life.waits_too_long(100.1 + LONGEST_WAIT)
    assert not life.waits_too_long(100.2 + LONGEST_WAIT)
    life.start(200.0)
    assert life.slot.state is State.STARTING
    assert not life.waits_too_long(300.0)
