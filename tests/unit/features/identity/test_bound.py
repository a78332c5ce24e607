"""What is kept of issuing shows no secret."""

from tta_gateway.features.identity.bound import External, Issuing


def test_the_key_of_keys_is_not_shown() -> None:
    assert repr(Issuing(url="https://home", seal=b"kanarie")) == "<issuing by https://home>"


def test_a_provider_shows_no_secret() -> None:
    one = External(name="clinic", issuer="https://id", client_id="tta", secret="s3cret", key=b"k")
    assert repr(one) == "<provider clinic>"
