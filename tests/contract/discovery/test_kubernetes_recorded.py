"""Kubernetes as it is: recordings of real API servers played back.

Recorded (recorded/kubernetes-1.20.2.json, by tests/helpers/kubernetes_server.py): an API server
1.20.2 with the real controller of EndpointSlices, both with EndpointSliceTerminatingCondition; what
kubelets do was written by hand.  `steps` is all that the provider asked while pods came, became
ready, failed, terminated and went, somebody annotated the slice, and the service was taken away.
Then: a list that is too old to watch from, after a crash; a watch that lasts its 300 s, with a
bookmark; the server's end; and what it answers without a token, to an unknown one, without a role
and to who may list alone.  Whole answers are kept, of their heads two fields.

1.20 has `discovery.k8s.io/v1beta1` alone: `v1` is answered with 404.  So `v1` was recorded of the
library that API servers are made of, 1.36 (recorded/kubernetes-1.36-slices.json, by
tests/helpers/kubernetes_slices.py): its own types, storage and watches, put together to a server of
slices that were written by hand, with all fields that controllers fill in; no authentication.  Of
what is read here the two have the same names; `v1` has `zone`, `hints` and `nodeName` where
`v1beta1` has `topology`, and nobody reads any of them.
"""

import asyncio
import json
from pathlib import Path
from typing import Final

import pytest

from tests.helpers.found import Told, in_loop, watched
from tests.helpers.kubernetes_server import STEPS, a_provider
from tests.helpers.kubernetes_slices import STEPS as V1_STEPS
from tests.helpers.recording import Exchange, Player, recorded
from tests.helpers.registry_server import serving
from tta_gateway.kernel.registered import Declared

RECORDED: Final = Path(__file__).parent / "recorded"
OLDER: Final = RECORDED / "kubernetes-1.20.2.json"
NEWER: Final = RECORDED / "kubernetes-1.36-slices.json"
LIVE: Final = Declared(path="/live/{id}", methods=("GET",), auth="none")
ANNOTATED: Final = [one.name for one in STEPS].index("somebody annotates the slice")


both = pytest.mark.parametrize("path", [OLDER, NEWER], ids=lambda path: path.stem)


def played(name: str, path: Path = OLDER) -> tuple[list[Exchange], Player]:
    kept = recorded(path)[name]
    return kept, Player(kept)


def events(one: Exchange) -> list[dict[str, object]]:
    """What a watch told."""
    return [json.loads(line) for line in "".join(text for _, text in one.pieces).splitlines()]


async def until_asked(asked: list[str], player: Player) -> None:
    """Wait until all of this has been asked, in this order."""
    async with asyncio.timeout(5.0):
        while player.asked[: len(asked)] != asked:  # noqa: ASYNC110 - the player is no part of it
            await asyncio.sleep(0.01)


@in_loop
async def test_what_a_real_server_answered_is_told_as_it_was() -> None:
    kept, player = played("steps")
    async with serving(player.serve) as server, watched(a_provider(server.origin())) as told:
        for number, step in enumerate(STEPS):
            await player.go_on(number)
            await told.until("players", *step.places)
            await asyncio.sleep(0.05)
            assert told.places("players") == list(step.places), step.name
            if step.places:
                assert bool(told.routes("players")) is (number >= ANNOTATED), step.name
            if number == ANNOTATED:
                assert told.routes("players") == [LIVE, LIVE]
    assert (player.unexpected, told.unreachable) == ([], [])
    assert player.asked == [one.target for one in kept]


@in_loop
async def test_what_version_1_of_the_api_is_today_is_told_as_it_was() -> None:
    kept, player = played("steps", NEWER)
    async with serving(player.serve) as server, watched(a_provider(server.origin())) as told:
        for number, step in enumerate(V1_STEPS):
            await player.go_on(number)
            await told.until("players", *step.places)
            assert told.routes("players") == [LIVE] * len(step.places), step.name
    assert (player.unexpected, told.unreachable) == ([], [])
    assert player.asked == [one.target for one in kept]
    assert all("/v1/" in one for one in player.asked)


@in_loop
async def test_who_has_no_version_1_is_asked_for_the_one_before() -> None:
    kept, player = played("steps")
    async with serving(player.serve) as server, watched(a_provider(server.origin())) as told:
        await told.until("players")
    assert [(one.status, "/v1/" in one.target) for one in kept[:2]] == [(404, True), (200, False)]
    assert player.asked[:2] == [one.target for one in kept[:2]]


@both
@in_loop
async def test_what_is_too_old_to_be_watched_from_is_listed_anew(path: Path) -> None:
    kept, player = played("too old", path)
    (watch, _) = (one for one in kept if one.is_stream)
    (error,) = events(watch)
    assert (watch.status, error["type"]) == (200, "ERROR")
    async with serving(player.serve) as server, watched(a_provider(server.origin())) as told:
        await told.until("players")
        await player.go_on(1)
        await until_asked([one.target for one in kept], player)
    assert (player.unexpected, told.unreachable) == ([], [])


@both
@in_loop
async def test_a_watch_that_ends_by_itself_is_begun_again_where_its_bookmark_was(
    path: Path,
) -> None:
    kept, player = played("a watch ends by itself", path)
    first, second = (one for one in kept if one.is_stream)
    assert {one["type"] for one in events(first)} == {"BOOKMARK"}
    assert first.target != second.target
    async with serving(player.serve) as server, watched(a_provider(server.origin())) as told:
        await told.until("players")
        await player.go_on(1)
        await until_asked([one.target for one in kept], player)
    assert (player.unexpected, told.unreachable) == ([], [])


@in_loop
async def test_a_server_that_ends_is_said_and_takes_nobody_away() -> None:
    _, player = played("the server ends")
    async with serving(player.serve) as server, watched(a_provider(server.origin())) as told:
        await told.until("players")
        await player.go_on(1)
        assert "closed the connection" in await told.ends()
    assert [instances for _, instances in told.all] == [()]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unknown token", "it answers 401 to the list of `game`: look at the token"),
        ("no token", "it answers 403 to the list of `game`: look at the token"),
        ("no role", "it answers 403 to the list of `game`: look at the token"),
        ("may list and not watch", "it answers 403 to the watch of `game`: look at the token"),
    ],
)
@in_loop
async def test_who_may_not_ask_is_told_what_to_look_at(name: str, words: str) -> None:
    _, player = played(name)
    async with serving(player.serve) as server:
        told = Told()
        await told.watch(a_provider(server.origin()))
    assert told.unreachable[0].startswith(words)
    assert player.unexpected == []
