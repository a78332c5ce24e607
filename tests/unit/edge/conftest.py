"""Gateways on paper, for the tests of the edge."""

from collections.abc import Iterator

import pytest

from tests.helpers.paper_gateway import Open, PaperGateway, paper_gateways


@pytest.fixture
def build() -> Iterator[Open]:
    """What makes one; all of it must have come to its end behind the test."""
    with paper_gateways() as build:
        yield build


@pytest.fixture
def gateway(build: Open) -> PaperGateway:
    """One with default settings."""
    return build()
