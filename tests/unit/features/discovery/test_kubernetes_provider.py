"""Kubernetes: which endpoints of slices are asked.  The rest: tests/contract/discovery."""

import json

import pytest

from tta_gateway.features.discovery.kubernetes_provider import instances, slice_of

PORTS = [{"name": "metrics", "port": 9100}, {"name": "http", "port": 8080}, {"name": "none"}]


def told(port: str = "", **conditions: object) -> list[str]:
    """What becomes of a slice with one endpoint."""
    text = json.dumps(
        {
            "metadata": {"name": "a"},
            "ports": PORTS,
            "endpoints": [{"addresses": ["10.0.0.1", "10.0.0.2"], "conditions": conditions}],
        }
    )
    found = instances([slice_of(text.encode())], port, tls=False)
    return [one.endpoint.name + (" drains" if one.draining else "") for one in found]


@pytest.mark.parametrize("ready", [True, False, None])
@pytest.mark.parametrize("serving", [True, False, None])
@pytest.mark.parametrize("terminating", [True, False, None])
def test_every_set_of_conditions(
    *, ready: bool | None, serving: bool | None, terminating: bool | None
) -> None:
    found = told(ready=ready, serving=serving, terminating=terminating)
    if terminating:
        assert found == (["10.0.0.1:9100 drains"] if serving else [])
    else:
        assert found == ([] if ready is False else ["10.0.0.1:9100"])


@pytest.mark.parametrize(
    ("port", "found"),
    [
        ("", ["10.0.0.1:9100"]),
        ("http", ["10.0.0.1:8080"]),
        ("8080", ["10.0.0.1:8080"]),
        ("none", []),
        ("x", []),
    ],
)
def test_a_port_is_known_by_its_name_or_number(port: str, found: list[str]) -> None:
    assert told(port) == found


def test_a_slice_may_be_empty() -> None:
    assert instances([slice_of(b'{"metadata": {"name": "a"}}')], "", tls=False) == ()
    bare = b'{"metadata": {}, "ports": [{"port": 1}], "endpoints": null}'
    assert instances([slice_of(bare)], "", tls=False) == ()


@pytest.mark.parametrize(
    ("annotations", "paths"),
    [
        (None, []),
        ({"other": "[]"}, []),
        ({"tta-gateway/routes": '[{"path": "/a", "auth": "none"}]'}, ["/a"]),
        ({"tta-gateway/routes": "/a"}, ["/a"]),
    ],
)
def test_an_annotation_of_a_slice_declares_routes_for_its_endpoints(
    annotations: dict[str, str] | None, paths: list[str]
) -> None:
    text = json.dumps(
        {
            "metadata": {"name": "a", "annotations": annotations},
            "ports": PORTS,
            "endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}],
        }
    )
    found = instances([slice_of(text.encode())], "", tls=False)
    assert [[route.path for route in one.routes] for one in found] == [paths, paths]
    assert all(route.auth == "none" or route.fault for one in found for route in one.routes)
