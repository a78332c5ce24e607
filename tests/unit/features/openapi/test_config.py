"""What an operator may write about it."""

from tta_gateway.features.openapi.config import OpenapiConfig


def test_it_is_there_unless_it_is_switched_off() -> None:
    assert OpenapiConfig().enabled
    assert not OpenapiConfig(enabled=False).enabled
