"""Overload, short: a service that can do 160 a second is asked for five times that (R5.2, R5.4).

The whole experiment is `bench/overload.py`.  The bars here leave room for a machine that others use
too.
"""

import json
import select
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.helpers.clients import Client
from tests.helpers.gateway import Gateway, start_gateway
from tests.helpers.overload import Asked, load, service_of
from tests.helpers.slow import wait_until

SERVERS, TAKES = 8, 0.05
CAPACITY = SERVERS / TAKES
CLASSES = ("crisis", "therapeutic", "standard", "background")
NOTHING_MORE: Final[Mapping[str, object]] = {}


def gateway_to(
    port: int, tmp_path: Path, *, admission: Mapping[str, object] = NOTHING_MORE, **more: object
) -> Gateway:
    return start_gateway(
        {
            "listen": "127.0.0.1:0",
            "state_dir": str(tmp_path / "var"),
            "access_log": {"path": str(tmp_path / "access.log"), "paths": "whole"},
            "connections": {"per_address": 20_000},
            "services": {"known": {"endpoints": [f"http://127.0.0.1:{port}"]}},
            "routes": [
                {"path": f"/{one}", "service": "known", "auth": "none", "class": one}
                for one in CLASSES
            ],
            **more,
            "admission": {"enabled": True, **admission},
        },
        tmp_path,
    )


def share(asked: Sequence[Asked], *traffic: str, begin: float = 0.0, end: float = 1e9) -> float:
    """The share that was answered of those that were due then."""
    found = [one for one in asked if one.traffic in traffic and begin <= one.at < end]
    return sum(one.status == 200 for one in found) / len(found)


def test_what_matters_is_served_under_overload_and_all_is_well_again_soon(tmp_path: Path) -> None:
    """Scenario 26 of the security research: five times the load, in a mix of classes."""
    with service_of(servers=SERVERS, takes=TAKES) as port:
        gateway = gateway_to(port, tmp_path)
        try:
            phases = [(0.5 * CAPACITY, 3), (5 * CAPACITY, 8), (0.5 * CAPACITY, 10)]
            asked = load(gateway.port, phases)
        finally:
            gateway.stop()
    assert share(asked, *CLASSES, end=3) >= 0.95
    assert share(asked, "crisis", begin=4, end=11) >= 0.9
    assert share(asked, "therapeutic", begin=4, end=11) >= 0.8
    assert share(asked, "background", begin=4, end=11) <= 0.3
    good = [one for one in asked if one.status == 200 and 4 <= one.at < 11]
    assert len(good) >= 0.6 * 7 * CAPACITY
    assert share(asked, *CLASSES, begin=17) >= 0.95
    assert {one.status for one in asked} <= {200, 503}


def test_who_is_turned_away_is_told_when_to_come_again(tmp_path: Path) -> None:
    """Of 64 places six are kept for those in a crisis: of 90 who come, 32 wait in vain."""
    with service_of(servers=1, takes=30.0) as port:
        known = {"endpoints": [f"http://127.0.0.1:{port}"], "limits": {"in_flight": 64}}
        gateway = gateway_to(port, tmp_path, services={"known": known})
        clients = [Client(gateway.port) for _ in range(90)]
        time.sleep(0.5)  # the worker looks how much may be asked of its services, and a bit more
        try:
            for client in clients:
                client.send(b"GET /background HTTP/1.1\r\nHost: a\r\n\r\n")
            assert wait_until(lambda: len(answered(clients)) == 32)
            answers = [client.answer() for client in answered(clients)]
            with Client(gateway.port) as person:
                person.send(b"GET /crisis HTTP/1.1\r\nHost: a\r\n\r\n")
                person.sock.settimeout(1.0)
                with pytest.raises(TimeoutError):  # it is with the service, which is slow
                    person.answer()
        finally:
            for client in clients:
                client.close()
            gateway.stop()
    for answer in answers:
        assert answer.status == 503
        assert 5 <= int(answer.value(b"retry-after") or b"0") <= 30
        problem = json.loads(answer.body)
        assert (problem["code"], problem["status"]) == ("admission_shed", 503)
    lines = [json.loads(line) for line in (tmp_path / "access.log").read_text().splitlines()]
    shed = [one["class"] for one in lines if one["code"] == "admission_shed"]
    assert shed == ["background"] * 32


def answered(clients: Sequence[Client]) -> list[Client]:
    """Those for whom something has come."""
    ready, _, _ = select.select([client.sock for client in clients], [], [], 0.0)
    return [client for client in clients if client.sock in ready]


def test_a_client_that_goes_while_it_waits_is_not_asked_for(tmp_path: Path) -> None:
    with service_of(servers=40, takes=1.0) as port:
        gateway = gateway_to(
            port, tmp_path, admission={"patience": {"background": "20s"}, "waiting": 1000}
        )
        held = [Client(gateway.port) for _ in range(30)]
        try:
            for client in held:
                client.send(b"GET /background HTTP/1.1\r\nHost: a\r\n\r\n")
            for _ in range(3):
                gone = Client(gateway.port)
                gone.send(b"GET /background HTTP/1.1\r\nHost: a\r\n\r\n")
                gone.close()
            assert [client.answer().status for client in held] == [200] * 30
        finally:
            for client in held:
                client.close()
            gateway.stop()
    assert "exchange_failed" not in gateway.log.read_text()
