"""A service that mostly fails is left alone for a while, and asked again one by one."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.edge.stage import Stage, routes, scripted, stage, times
from tests.helpers.admin import Admin
from tests.helpers.clients import Answer, Client, post_of
from tests.helpers.gateway import free_port
from tests.helpers.scripted_upstream import Call, Late, ScriptedUpstream
from tests.helpers.slow import black_hole, wait_until

pytestmark = pytest.mark.e2e

SOON = {"failures": 5, "open": "1s", "ramp": "1s"}
NEVER_OVER = {"failures": 5, "open": "60s"}


def service(*ports: int, **more: object) -> dict[str, object]:
    return {"up": {"endpoints": [f"http://127.0.0.1:{port}" for port in ports], **more}}


def code(answer: Answer) -> str:
    return str(json.loads(answer.body)["code"])


def is_refused(answer: Answer) -> bool:
    """Whether the breaker, and nothing else, has answered: whole, and with a time to come again."""
    if answer.status != 503:
        return False
    assert code(answer) == "breaker_open"
    assert answer.value(b"proxy-status") == b"tta-gateway; error=destination_unavailable"
    assert int(answer.value(b"retry-after") or b"0") >= 1
    return True


def moves(one: Stage) -> list[str]:
    """What has become of the breaker, as the log tells."""
    told = [str(event["event"]) for event in one.events()]
    return [name for name in told if name.startswith("breaker_")]


def test_a_service_that_refuses_is_left_alone_and_taken_back_by_and_by(tmp_path: Path) -> None:
    """Refused, open, a probe when Retry-After says, the ramp, closed: and all are accounted for.

    Red without `breaker.record` in upstream/attempt.py, _count.
    """
    port = free_port()
    with (
        scripted() as unused,
        stage(tmp_path, upstream=unused, services=service(port, breaker=SOON)) as one,
        one.client() as client,
    ):
        assert [code(client.get(b"/")) for _ in range(5)] == ["upstream_connection_refused"] * 5

        def refused() -> float:
            begun = time.monotonic()
            assert is_refused(client.get(b"/"))
            return time.monotonic() - begun

        assert times(9, refused) < 0.05
        assert {line["tries"] for line in one.lines(b"/", count=14)} == {0, 3}
        wait = int(client.get(b"/").value(b"retry-after") or b"0")
        assert wait == 1
        with ScriptedUpstream(port=port) as back:
            time.sleep(wait)
            assert client.get(b"/").status == 200
            answers: list[tuple[float, Answer]] = []
            begun = time.monotonic()
            while not answers or answers[-1][0] <= 1.25:
                answers.append((time.monotonic() - begun, client.get(b"/")))
            served = [at for at, answer in answers if not is_refused(answer)]
            assert all(answer.status == 200 for at, answer in answers if at in served)
            assert back.calls(b"/") == 1 + len(served)
            assert 0 < len([at for at in served if at < 0.5]) < len(answers) - len(served)
            assert {answer.status for at, answer in answers if at > 1.25} == {200}
        expected = ["breaker_open", "breaker_half_open", "breaker_ramp", "breaker_closed"]
        assert wait_until(lambda: moves(one) == expected), moves(one)


def test_a_service_that_hears_nothing_is_waited_for_a_few_times_only(tmp_path: Path) -> None:
    """Each wait is a connect timeout; behind the open breaker nobody waits and nothing piles up.

    Red without `breaker.record` in upstream/attempt.py, _count.
    """
    special = {"path": "/x", "timeouts": {"connect": "200ms"}, "retries": 0}
    with black_hole() as port, scripted() as unused, ExitStack() as clients:
        services = service(port, breaker=NEVER_OVER)
        with stage(tmp_path, special, upstream=unused, services=services) as one:
            crowd = [clients.enter_context(one.client()) for _ in range(40)]
            first = [code(crowd[0].get(b"/x")) for _ in range(5)]
            assert first == ["upstream_connect_timeout"] * 5
            begun = time.monotonic()
            for client in crowd:
                client.ask(b"/x")
            assert all(is_refused(client.answer()) for client in crowd)
            assert time.monotonic() - begun < 2.0  # about 0.1 s, on a machine that is not busy


def test_a_probe_is_one_alone_and_the_silent_service_comes_back_with_it(tmp_path: Path) -> None:
    """While it is under way all others are refused; what it comes to decides.

    Red without `self._probe_until = now + self.patience` in upstream/breaker.py, admit.
    """
    silent, late = threading.Event(), Late()

    def script(call: Call) -> None:
        if silent.is_set():
            late(call)
        else:
            call.gone()

    with scripted() as upstream:
        target = upstream.on(script)
        special = {"path": target.decode(), "timeouts": {"first_byte": "300ms"}, "retries": 0}
        services = service(upstream.port, breaker=SOON)
        with (
            stage(tmp_path, special, upstream=upstream, services=services) as one,
            one.client() as client,
            one.client() as probe,
        ):
            codes = [code(client.get(target)) for _ in range(5)]
            assert codes == ["upstream_first_byte_timeout"] * 5
            assert is_refused(client.get(target))
            time.sleep(1.2)
            silent.set()
            probe.ask(target)
            assert wait_until(lambda: upstream.calls(target) == 6)
            assert all(is_refused(client.get(target)) for _ in range(9))
            late.release()
            assert probe.answer().body == late.body
            assert upstream.calls(target) == 6
        assert moves(one) == ["breaker_open", "breaker_half_open", "breaker_ramp"]


def test_a_probe_whose_client_goes_makes_room_for_another(tmp_path: Path) -> None:
    """Red without `self.attempts.release` in upstream/attempt.py, cancel."""
    well = threading.Event()

    def script(call: Call) -> None:
        if well.is_set():
            call.answer(b"well")
        elif upstream.calls(target) > 5:
            call.gone()
        else:
            call.answer(b"", status=500)

    with scripted() as upstream:
        target = upstream.on(script)
        services = service(upstream.port, breaker=SOON)
        with stage(tmp_path, upstream=upstream, services=services) as one, one.client() as client:
            assert [client.get(target).status for _ in range(5)] == [500] * 5
            time.sleep(1.2)
            with one.client() as probe:
                probe.ask(target)
                assert wait_until(lambda: upstream.calls(target) == 6)
                assert is_refused(client.get(target))
            well.set()
            assert wait_until(lambda: client.get(target).status == 200)


def test_what_was_tried_three_times_counts_once_and_as_what_came_of_it(tmp_path: Path) -> None:
    """Two resets before a good answer are no failure; three, and nothing else, are one.

    Red with `self._count` above `if self._repeatable(error)` in upstream/attempt.py, _fail.
    """

    def third_time_lucky(call: Call) -> None:
        if upstream.calls(lucky) % 3:
            call.break_off()
        else:
            call.answer(b"at last")
            call.finish()

    with scripted() as upstream:
        lucky, target = upstream.on(third_time_lucky), upstream.on(Call.break_off)
        services = service(upstream.port, breaker=NEVER_OVER)
        with stage(tmp_path, upstream=upstream, services=services) as one, one.client() as client:
            assert [client.get(lucky).body for _ in range(8)] == [b"at last"] * 8
            codes = [code(client.get(target)) for _ in range(5)]
            assert codes == ["upstream_connection_terminated"] * 5
            assert is_refused(client.get(target))
        assert (upstream.calls(lucky), upstream.calls(target)) == (24, 15)


def test_a_connection_that_dies_behind_a_500_counts_once(tmp_path: Path) -> None:
    """As with an error that nobody caught in the platform: five such are five, not ten, and the
    next request on that connection, which could not be sent again, is not lost.

    Red without `and self._status != _BROKEN` in upstream/attempt.py, _let_go.
    """
    seen = set[int]()

    def fail(call: Call) -> None:
        call.body()
        if call.number in seen:
            call.break_off()
        else:
            seen.add(call.number)
            call.answer(b"", status=500)

    with scripted() as upstream:
        services = service(upstream.port, breaker=NEVER_OVER)
        with stage(tmp_path, upstream=upstream, services=services) as one, one.client() as client:
            target = one.on(fail)
            statuses = []
            for _ in range(5):
                client.send(post_of(target, b"body"))
                statuses.append(client.answer().status)
            assert statuses == [500] * 5
            assert is_refused(client.get(target))
        assert upstream.calls(target) == 5


def test_errors_of_clients_never_open_it(tmp_path: Path) -> None:
    """Red with `status >= 400` in upstream/attempt.py, _learn."""
    with scripted() as upstream:
        services = service(upstream.port, breaker={"failures": 5, "least": 5, "ratio": 0.1})
        with stage(tmp_path, upstream=upstream, services=services) as one, one.client() as client:
            target = one.on(lambda call: call.answer(b"", status=404))
            assert {client.get(target).status for _ in range(50)} == {404}


def _says_503(call: Call) -> None:
    call.answer(b"", status=503)


@pytest.mark.parametrize("script", [_says_503, Call.break_off])
def test_in_a_storm_of_retries_the_load_on_the_service_falls(
    tmp_path: Path, script: Callable[[Call], None]
) -> None:
    """Clients that come again at once, a service that always fails: with default settings, once
    twenty requests have failed it hears nothing, and tries beyond the first are within the budget.

    Red without `breaker.record` in upstream/attempt.py, _count.
    """
    with scripted() as upstream:
        services = service(upstream.port, breaker="on")
        target = upstream.on(script)
        with stage(tmp_path, upstream=upstream, services=services) as one:
            with one.asked_on(target, clients=16) as statuses:
                assert wait_until(lambda: "breaker_open" in moves(one))
                time.sleep(0.2)  # for what was under way
                opened = upstream.calls(target)
                time.sleep(1.5)
            assert upstream.calls(target) == opened
            tries = [int(str(line["tries"])) for line in one.lines(target, count=len(statuses))]
    forwarded = [number for number in tries if number]
    assert set(statuses) <= {502, 503}
    assert len(statuses) == len(tries)
    # Twenty that failed, and those that were under way.
    assert 20 <= len(forwarded) <= 20 + 16
    again = opened - len(forwarded)
    assert again <= min(0.5 * len(forwarded) + 4, 0.2 * len(tries))
    assert len(tries) > 10 * len(forwarded)


def test_when_one_worker_s_breaker_opens_those_of_all_workers_do(tmp_path: Path) -> None:
    """Through control; the others have not asked the service once.

    Red without `breaker.told(until.get(route, now), now)` in upstream/breakers.py, told.
    """
    admin = free_port()
    with scripted() as upstream, ExitStack() as clients:
        services = service(upstream.port, breaker=NEVER_OVER)
        with stage(
            tmp_path,
            upstream=upstream,
            services=services,
            workers=2,
            admin=f"127.0.0.1:{admin}",
        ) as one:
            numbers = Admin(admin, tmp_path / "state")
            target = one.on(lambda call: call.answer(b"", status=500))
            crowd = [clients.enter_context(one.client()) for _ in range(20)]
            assert wait_until(lambda: numbers.samples() != {})
            assert {client.get(b"/").status for client in crowd} == {200}  # both workers have one
            assert [crowd[0].get(target).status for _ in range(5)] == [500] * 5
            key = ("tta_gateway_breakers_open", ("/{rest:path}", "up"))
            assert wait_until(lambda: numbers.samples().get(key) == 2.0)
            assert all(is_refused(client.get(target)) for client in crowd)
            refused = ("tta_gateway_breaker_refused_total", ("/{rest:path}", "up"))
            assert wait_until(lambda: numbers.samples().get(refused) == 20.0)
        assert upstream.calls(target) == 5


def test_meanwhile_a_fallback_answers(tmp_path: Path) -> None:
    """A fixed answer, or another service.

    Red without `self._answer_for` in upstream/forward.py, _is_admitted.
    """
    respond = {"status": 200, "body": "later", "content_type": "text/plain"}
    with scripted() as upstream, scripted() as other:
        services: dict[str, object] = {
            **service(free_port(), breaker={"failures": 2}, fallback="other"),
            "other": {"endpoints": [other.url]},
        }
        special = routes({"path": "/fixed", "fallback": {"respond": respond}})
        with (
            stage(tmp_path, upstream=upstream, services=services, routes=special) as one,
            one.client() as client,
        ):
            assert _thrice(client, b"/fixed") == [502, 502, 200]
            fixed = client.get(b"/fixed")
            assert (fixed.body, fixed.value(b"x-degraded")) == (b"later", b"up")
            assert _thrice(client, b"/other") == [502, 502, 200]
            stand_in = client.get(b"/other")
            assert (stand_in.body, stand_in.value(b"x-degraded")) == (b"plain", b"up")
            assert other.calls(b"/other") == 2


def test_the_share_of_an_open_service_of_a_split_is_the_others_until_it_is_back(
    tmp_path: Path,
) -> None:
    """Nobody hears of it but who asks for a canary; each service has its own breaker.

    Red without `self._pass_over` in features/split/policy.py.
    """
    well = threading.Event()

    def canary(call: Call) -> None:
        if well.is_set():
            call.answer(b"next")
        else:
            call.answer(b"", status=500)

    with scripted() as old, scripted() as new:
        services: dict[str, object] = {
            "old": {"endpoints": [old.url], "breaker": {"failures": 9}},
            "new": {"endpoints": [new.url], "breaker": SOON},
            "debug": {"endpoints": [f"http://127.0.0.1:{free_port()}"], "breaker": NEVER_OVER},
        }
        route = {
            "path": "/shared",
            "auth": "none",
            "split": {
                "services": [{"service": "old", "weight": 50}, {"service": "new", "weight": 50}]
            },
            "canary": {"header": "X-Debug", "service": "debug"},
        }
        new.answers(b"/shared", canary)
        old.answers(b"/shared", lambda call: call.answer(b"old"))
        with (
            stage(tmp_path, upstream=old, services=services, routes=[route]) as one,
            one.client() as client,
        ):
            failed = 0
            while failed < 5:
                failed += client.get(b"/shared").status == 500
            assert {client.get(b"/shared").body for _ in range(40)} == {b"old"}
            assert new.calls(b"/shared") == 5
            debug = [(b"X-Debug", b"1")]
            codes = [code(client.get(b"/shared", fields=debug)) for _ in range(6)]
            assert codes == ["upstream_connection_refused"] * 5 + ["breaker_open"]
            well.set()
            time.sleep(1.0)
            begun, found = time.monotonic(), list[Answer]()
            while time.monotonic() - begun < 2.0:
                found.append(client.get(b"/shared"))
            assert {answer.status for answer in found} == {200}
            assert {answer.body for answer in found[-40:]} == {b"old", b"next"}
            # The canary's is open still: it goes by its own.
            assert moves(one) == [
                "breaker_open",
                "breaker_open",
                "breaker_half_open",
                "breaker_ramp",
                "breaker_closed",
            ]


def _thrice(client: Client, target: bytes) -> list[int]:
    return [client.get(target).status for _ in range(3)]
