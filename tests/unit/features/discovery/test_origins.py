"""How registries are reached, and what their failures are called."""

import msgspec
import pytest

from tta_gateway.features.discovery.bound import RegistryOrigin
from tta_gateway.features.discovery.origins import checked, decoded, origin_of, refused
from tta_gateway.features.discovery.provider import Unreachable
from tta_gateway.support.http_client import Answer


def test_a_plain_origin_has_no_tls_and_an_encrypted_one_believes_somebody() -> None:
    plain = origin_of(RegistryOrigin(host="a", port=1))
    assert (plain.host, plain.port, plain.tls) == ("a", 1, None)
    assert origin_of(RegistryOrigin(host="a", port=1, tls=True)).tls is not None


def test_authorities_that_cannot_be_read_are_named() -> None:
    with pytest.raises(Unreachable, match="`/nowhere` cannot be read: No such file"):
        origin_of(RegistryOrigin(host="a", port=1, tls=True, ca="/nowhere"))


def test_a_good_answer_is_its_body() -> None:
    assert checked(Answer(200, {}, b"x"), "a question") == b"x"
    with pytest.raises(Unreachable, match="answers 503 to a question"):
        checked(Answer(503, {}, b"x"), "a question")


@pytest.mark.parametrize(
    ("status", "words"), [(401, "token"), (403, "token"), (404, "address"), (500, "500")]
)
def test_a_refusal_says_what_to_look_at(status: int, words: str) -> None:
    assert words in refused(status, "a question")


def test_what_is_something_else_is_refused() -> None:
    decoder = msgspec.json.Decoder(int)
    assert decoded(decoder, b"1", "a question") == 1
    with pytest.raises(Unreachable, match="to a question is not what it should be"):
        decoded(decoder, b"x", "a question")
