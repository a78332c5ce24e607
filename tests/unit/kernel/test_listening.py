"""What is heard, in words that tell nobody what was said."""

import pytest

from tta_gateway.kernel.incident import Identity
from tta_gateway.kernel.listening import SILENCE, Heard, Judged, Place, Speaker
from tta_gateway.kernel.verdict import Verdict


def test_what_is_urgent_is_so_by_its_level() -> None:
    assert not SILENCE.is_urgent
    assert not Heard(Verdict(1), level=1).is_urgent
    assert Heard(Verdict(1), level=2).is_urgent


def test_nothing_tells_what_was_said() -> None:
    assert repr(Heard(Verdict(2), level=2, text="secret")) == "<heard level 2>"
    assert repr(Judged(b"secret")) == "<judged as it is>"
    assert repr(Judged(b"secret", Verdict(2), "secret")) == "<judged replaced>"


def test_somebody_speaks_somewhere() -> None:
    one = Speaker("home/ada", subject="ada", identity="verified", connection="c", correlation="r")
    assert (one.person, one.subject, one.identity) == ("home/ada", "ada", "verified")
    assert not Place("talks", "talker").is_observed


@pytest.mark.parametrize(
    ("identity", "key"),
    [("verified", "home/ada"), ("unverified", "home/ada"), ("unknown", "home/ada c")],
)
def test_only_who_is_unknown_is_told_from_others_by_their_connection(
    identity: Identity, key: str
) -> None:
    one = Speaker("home/ada", subject="", identity=identity, connection="c", correlation="r")
    assert one.key == key
