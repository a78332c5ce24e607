"""What an operator may write about health."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError

from tta_gateway.features.health.bound import Check, HealthBound, Need
from tta_gateway.features.health.config import HealthConfig, NeedConfig, compile


def compiled(**written: object) -> Check:
    service = SimpleNamespace(health=HealthConfig.model_validate(written), depends_on=())
    return compile({"players": cast("Any", service)}).checks["players"]


def test_nothing_written_is_the_default() -> None:
    assert compiled() == Check()


def test_everything_written_reaches_control() -> None:
    found = compiled(
        path="/a?b=1",
        port=1,
        headers={"Host": "a", "X-A": "b"},
        status=[200, 503],
        body="$.a == 1",
        max_body="1KiB",
        interval="1s",
        timeout="2s",
        jitter=0.5,
        unhealthy=1,
        healthy=4,
    )
    assert found == Check(
        path="/a?b=1",
        port=1,
        fields=(("host", "a"), ("x-a", "b")),
        status=(200, 503),
        body="$.a == 1",
        max_body=1024,
        interval=1.0,
        timeout=2.0,
        jitter=0.5,
        unhealthy=1,
        healthy=4,
    )


def test_dependencies_are_hard_unless_they_are_said_to_be_soft() -> None:
    written = (NeedConfig(service="a"), NeedConfig(service="b", kind="soft"))
    one = SimpleNamespace(health=None, depends_on=written)
    other = SimpleNamespace(health=None, depends_on=())
    assert compile(cast("Any", {"one": one, "other": other})) == HealthBound(
        needs={"one": (Need(service="a"), Need(service="b", kind="soft"))}
    )


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("tcp", "path", "/a"),
        ("tcp", "headers", {"a": "b"}),
        ("tcp", "status", [200]),
        ("tcp", "body", "$.a == 1"),
        ("tcp", "max_body", 1),
        ("websocket", "status", [101 + 99]),
        ("websocket", "body", "$.a == 1"),
        ("websocket", "max_body", 1),
    ],
)
def test_what_does_nothing_is_refused(kind: str, key: str, value: object) -> None:
    with pytest.raises(ValidationError, match=f"has no effect with `kind: {kind}`"):
        HealthConfig.model_validate({"kind": kind, key: value})


@pytest.mark.parametrize("kind", ["tcp", "websocket"])
def test_what_the_gateway_shows_of_its_settings_it_takes(kind: str) -> None:
    config = HealthConfig.model_validate({"kind": kind})
    shown = config.model_dump(mode="json", exclude_none=True)
    assert HealthConfig.model_validate(shown) == config


@pytest.mark.parametrize("path", ["health", "", "/a b", "/ü", "/a#b", "/a\n"])
def test_a_path_is_one(path: str) -> None:
    with pytest.raises(ValidationError, match="must be a path, `/health`"):
        HealthConfig.model_validate({"path": path})


@pytest.mark.parametrize("name", ["Connection", "content-length", "Sec-WebSocket-Key", "upgrade"])
def test_what_frames_a_message_is_the_gateway_s_to_write(name: str) -> None:
    with pytest.raises(ValidationError, match=f"`{name.lower()}` is the gateway's own to write"):
        HealthConfig.model_validate({"headers": {name: "a"}})


def test_a_field_is_written_once() -> None:
    with pytest.raises(ValidationError, match="`A` and `a` are one header field"):
        HealthConfig.model_validate({"headers": {"A": "b", "a": "c"}})
