"""Messages as whoever allows them has them published."""

from tta_gateway.features.realtime.amending import amended
from tta_gateway.features.realtime.doorkeeper import Amended
from tta_gateway.features.realtime.publication import ClientInfo, Keeping, Publication

KEEPING = Keeping(5, 60)
SAID = Publication(b"1", info=ClientInfo("ada", "c1"), tags={"a": "1", "b": "1"})


def test_what_is_allowed_as_it_is_is_published_so() -> None:
    assert amended(SAID, KEEPING, None) == (SAID, KEEPING)
    assert amended(SAID, KEEPING, Amended()) == (SAID, KEEPING)


def test_other_data_and_tags_take_the_place_of_what_was_said() -> None:
    allowed = Amended(data=b"2", tags={"b": "2"}, is_kept=False)
    other = Publication(b"2", info=SAID.info, tags={"a": "1", "b": "2"})
    assert amended(SAID, KEEPING, allowed) == (other, Keeping())
