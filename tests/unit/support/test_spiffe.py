"""SPIFFE ids: one spelling for each, and nothing that could be read in two ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.support.spiffe import SCHEME, domain_of, spiffe_id, trust_domain

GOOD = ("spiffe://tta/players", "spiffe://a.b-c_1/ns/Prod/sa.x", "spiffe://tta/...", "spiffe://1/1")
BAD = (
    "",
    "players",
    "https://tta/players",
    "SPIFFE://tta/players",
    "spiffe:/tta/players",
    "spiffe://tta",
    "spiffe://tta/",
    "spiffe:///players",
    "spiffe://TTA/players",
    "spiffe://tta:443/players",
    "spiffe://user@tta/players",
    "spiffe://user:pass@tta/players",
    "spiffe://tta/players?x=1",
    "spiffe://tta/players#x",
    "spiffe://tta/play%65rs",
    "spiffe://t%74a/players",
    "spiffe://tta//players",
    "spiffe://tta/players/",
    "spiffe://tta/./players",
    "spiffe://tta/../players",
    "spiffe://tta/players\n",
    "spiffe://tta\n/players",
    "spiffe://tta/pl\u00e4yers",
    "spiffe://tta/a b",
    "spiffe://tta/\x00",
    "spiffe://" + "a" * 256 + "/x",
    "spiffe://tta/" + "a" * 2048,
)
SEGMENT = st.text("abcXYZ019._-", min_size=1, max_size=8).filter(lambda one: one not in (".", ".."))


@pytest.mark.parametrize("text", GOOD)
def test_an_id_is_as_it_is_written(text: str) -> None:
    assert spiffe_id(text) == text


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"SPIFFE|trust domain|between slashes"):
        spiffe_id(text)


@given(st.lists(SEGMENT, min_size=1, max_size=5))
def test_every_path_of_plain_segments_is_one(segments: list[str]) -> None:
    made = f"{SCHEME}tta/{'/'.join(segments)}"
    assert (spiffe_id(made), domain_of(made)) == (made, "tta")


@given(st.text(max_size=30))
def test_whatever_is_taken_is_spelt_in_one_way(text: str) -> None:
    try:
        spiffe_id(f"{SCHEME}tta/{text}")
    except ValueError:
        return
    assert text.isascii()
    assert not set(text) & set("%?#@: \\\n")
    assert all(one and one not in (".", "..") for one in text.split("/"))


def test_a_trust_domain_is_no_host_with_a_port() -> None:
    assert trust_domain("tta.example") == "tta.example"
    with pytest.raises(ValueError, match="is not a trust domain"):
        trust_domain("tta:443")
