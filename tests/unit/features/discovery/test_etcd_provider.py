"""etcd: what stands under a key.  The rest, on a real one: tests/e2e/discovery."""

import msgspec
import pytest

from tta_gateway.features.discovery.bound import Etcd
from tta_gateway.features.discovery.etcd_provider import EtcdProvider, instance_of
from tta_gateway.kernel.registered import Declared


def test_a_value_becomes_an_instance() -> None:
    text = '{"address": "10.0.0.7", "port": 9001, "weight": 3, "draining": true, "more": 1}'
    found = instance_of("/services/players/a", text, tls=True)
    assert (found.id, found.endpoint.name, found.draining) == (
        "/services/players/a",
        "10.0.0.7:9001",
        True,
    )
    assert (found.endpoint.weight, found.endpoint.tls) == (3, True)


def test_it_may_declare_routes_and_stays_where_it_does_so_badly() -> None:
    def routes(text: str) -> tuple[Declared, ...]:
        value = f'{{"address": "10.0.0.7", "port": 9001, "routes": {text}}}'
        return instance_of("/services/players/a", value, tls=False).routes

    (good,) = routes('[{"path": "/a", "auth": "none"}]')
    assert good == Declared(path="/a", auth="none")
    (bad,) = routes('["/a"]')
    assert "is not a list of routes" in bad.fault


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.7:9001",
        '{"address": "10.0.0.7"}',
        '{"address": "10.0.0.7", "port": 65536}',
        '{"address": "10.0.0.7", "port": 1, "weight": 0}',
        '{"address": "10.0.0.7", "port": 1, "draining": 1}',
    ],
)
def test_a_value_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        instance_of("/services/players/a", text, tls=False)


def test_a_key_with_endless_brackets_is_left_out_and_the_others_are_not() -> None:
    told: list[str] = []
    wanted = {"players": ("players", False)}
    provider = EtcdProvider(
        Etcd(origins=(), prefix="/"), wanted, misread=lambda key, _: told.append(key)
    )
    good = '{"address": "10.0.0.7", "port": 9001}'
    values = {"a": good[:-1] + ', "routes": ' + "[" * 2000, "b": good}
    assert [one.id for one in provider._instances(values, tls=False)] == ["b"]
    assert told == ["a"]
