"""What a node counts in."""

import os

from tests.helpers.house import House
from tta_gateway.support.segment import Segment


def test_it_counts_in_a_segment_of_its_own(house: House) -> None:
    node = house.node()
    assert Segment(node.ledger.segments.fd, node.ledger.segment).owner == os.getpid()
