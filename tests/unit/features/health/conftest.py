"""Endpoints for checks to look at."""

from collections.abc import Iterator

import pytest

from tests.helpers.fake_endpoint import FakeEndpoints


@pytest.fixture
def endpoints() -> Iterator[FakeEndpoints]:
    with FakeEndpoints() as made:
        yield made
