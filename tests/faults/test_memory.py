"""A worker that may have no more memory: scenario 10 of docs/faults.md."""

import contextlib
import resource
import time
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.edge.stage import scripted, stage
from tests.helpers.clients import Client
from tests.helpers.slow import address_space, is_alive, resident, settled

pytestmark = pytest.mark.e2e

MIB: Final = 1 << 20
HERE: Final = b"/nowhere%2f"
"""A target that the gateway answers itself: readers have every connection to the service."""
READERS: Final = 500
CEILING: Final = 128 * MIB
"""What the worker may ask for, beside what it has: a quarter of all that is on its way."""


def test_five_hundred_answers_to_slow_readers_fit_under_a_ceiling(tmp_path: Path) -> None:
    """Nobody is killed, nobody is cut, and every byte arrives.

    On a unix socket the system holds little for a reader: over TCP it takes four megabytes itself.

    Red without `self._exchange.attempt.pause_answer()` in edge/client_connection.py,
    pause_writing.
    """
    body = bytes(range(256)) * 4096
    place = tmp_path / "gateway.sock"
    with scripted() as upstream, stage(tmp_path, upstream=upstream, listen=f"unix:{place}") as one:
        target = one.on(lambda call: call.answer(body))
        with contextlib.ExitStack() as stack, Client(place) as good:
            assert good.get(b"/").status == 200
            ceiling = address_space(one.worker) + CEILING
            resource.prlimit(one.worker, resource.RLIMIT_AS, (ceiling, ceiling))
            memory = resident(one.worker)
            readers = [stack.enter_context(Client(place)) for _ in range(READERS)]
            for reader in readers:
                reader.ask(target)
            settled(lambda: upstream.calls(target), quiet=1.0)
            assert resident(one.worker) - memory < CEILING
            assert good.get(HERE).status == 400
            begun = time.monotonic()
            for reader in readers:
                assert reader.answer().body == body
            assert time.monotonic() - begun < 60.0
            assert is_alive(one.worker)
