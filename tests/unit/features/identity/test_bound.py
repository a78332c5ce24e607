"""What is kept of issuing shows no secret."""

from tta_gateway.features.identity.bound import Issuing


def test_the_key_of_keys_is_not_shown() -> None:
    assert repr(Issuing(url="https://home", seal=b"kanarie")) == "<issuing by https://home>"
