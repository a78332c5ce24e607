"""The word that control tells workers."""

from math import inf

import msgspec

from tta_gateway.features.nodes.bound import Word, word_of


def test_a_word_arrives_as_it_was_told() -> None:
    for word in (Word(), Word(turn=3, until=12.5), Word(until=inf)):
        assert word_of(msgspec.Raw(msgspec.msgpack.encode(word))) == word
