"""Docker: where a container is asked.  The rest: tests/contract/discovery."""

import msgspec
import pytest

from tta_gateway.features.discovery.docker_provider import Container, endpoint_of


def container(labels: dict[str, str], *ports: int, **networks: str) -> Container:
    """One, with these labels of ours, that exposes these ports."""
    said = {
        "Id": "8dfafdbc3a40",
        "Names": ["/players"],
        "Labels": {f"tta-gateway.{name}": value for name, value in labels.items()},
        "Ports": [
            {"PrivatePort": 53, "Type": "udp"},
            *({"PrivatePort": one, "PublicPort": 1, "Type": "tcp"} for one in ports),
        ],
        "NetworkSettings": {
            "Networks": {
                name: {"IPAddress": "", "GlobalIPv6Address": at} if ":" in at else {"IPAddress": at}
                for name, at in networks.items()
            }
        },
    }
    return msgspec.convert(said, Container)


@pytest.mark.parametrize(
    ("labels", "ports", "networks", "name"),
    [
        ({}, (80,), {"b": "10.0.0.2", "a": "10.0.0.1"}, "10.0.0.1:80"),
        ({}, (80, 80), {"a": "", "b": "10.0.0.2"}, "10.0.0.2:80"),
        ({}, (80,), {"a": "2001:db8::1", "b": "10.0.0.2"}, "10.0.0.2:80"),
        ({}, (80,), {"a": "", "b": "2001:db8::2"}, "[2001:db8::2]:80"),
        ({"network": "a"}, (80,), {"a": "2001:db8::1", "b": "10.0.0.2"}, "[2001:db8::1]:80"),
        ({"port": "9001"}, (80, 81), {"a": "10.0.0.1"}, "10.0.0.1:9001"),
        ({"network": "b"}, (80,), {"b": "10.0.0.2", "a": "10.0.0.1"}, "10.0.0.2:80"),
    ],
)
def test_labels_say_where_a_container_is_asked(
    labels: dict[str, str], ports: tuple[int, ...], networks: dict[str, str], name: str
) -> None:
    found = endpoint_of(container(labels, *ports, **networks), tls=True)
    assert (found.name, found.tls) == (name, True)


@pytest.mark.parametrize(
    ("labels", "ports", "networks", "words"),
    [
        ({}, (), {"a": "10.0.0.1"}, "say where it listens"),
        ({}, (80, 81), {"a": "10.0.0.1"}, "say where it listens"),
        ({"port": "http"}, (80,), {"a": "10.0.0.1"}, "is `http`, no port"),
        ({"port": "65536"}, (80,), {"a": "10.0.0.1"}, "no port"),
        ({}, (80,), {}, "no address in any network"),
        ({}, (80,), {"host": ""}, "no address in any network"),
        ({"network": "b"}, (80,), {"a": "10.0.0.1"}, "no address in the network `b`"),
    ],
)
def test_what_cannot_be_asked_says_why(
    labels: dict[str, str], ports: tuple[int, ...], networks: dict[str, str], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        endpoint_of(container(labels, *ports, **networks), tls=False)


NULL = (
    {"Id": "8d", "Names": None, "Labels": None, "Ports": None, "NetworkSettings": None},
    {"Id": "8d", "Ports": None, "NetworkSettings": {"Networks": None}},
    {"Id": "8d", "NetworkSettings": {"Networks": {"host": None}}},
)


@pytest.mark.parametrize("said", NULL)
def test_null_is_nothing(said: dict[str, object]) -> None:
    found = msgspec.json.decode(msgspec.json.encode(said), type=Container)
    assert found.label("service") == ""
    with pytest.raises(ValueError, match="no address in any network"):
        endpoint_of(found, tls=False)


def test_one_that_exposes_nothing_says_where_it_listens() -> None:
    found = msgspec.structs.replace(container({"port": "9001"}, a="10.0.0.1"), ports=None)
    assert endpoint_of(found, tls=False).name == "10.0.0.1:9001"
