"""Fixtures: the embedded Valkey and Debian's Redis, each for whatever is to run on both."""

from collections.abc import Iterator

import pytest

from tests.helpers.valkey_server import BOTH, Kind, Server, server


@pytest.fixture(scope="package", params=BOTH)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Which of them."""
    found: Kind = request.param
    return found


@pytest.fixture(scope="package")
def shared(kind: Kind) -> Iterator[Server]:
    """A server that no test harms."""
    with server(kind) as one:
        yield one


@pytest.fixture
def own(kind: Kind) -> Iterator[Server]:
    """A server that a test may kill; it keeps its data."""
    with server(kind, "--appendonly", "yes") as one:
        yield one
