"""What is taken out of free texts, what stays, and that no text takes long."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.support.redaction.scrub import LONGEST, scrub

UUID = "550e8400-e29b-41d4-a716-446655440000"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("no route to ada.lovelace+x@mail.clinic.example now", "no route to [mail] now"),
        ("redis://user:pw@store:6379 is away", "redis://[secret]@store:6379 is away"),
        ("call +49 (30) 123 456 78", "call [number]"),
        ("call 555-123-4567 or (030) 123 4567", "call [number] or [number]"),
        ("call 555.123.4567", "call [number]"),
        ("his number is 078-05-1120", "his number is [number]"),
        ("card 4111111111111111 refused", "card [number] refused"),
        ("Bearer abcdef0123.x is old", "Bearer [secret] is old"),
        ("got eyJhbGciOiJI.eyJzdWIiOiJh.c2ln, why", "got [token], why"),
        ("GET /x?token=abc&sid=1", "GET /x?token=[secret]&sid=[secret]"),
        ("zq0123456789abcdef0123zq", "[token]"),
    ],
)
def test_what_looks_like_somebodys_goes(text: str, left: str) -> None:
    assert scrub(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "[Errno 111] Connect call failed ('127.0.0.1', 34567)",
        "no answer from 192.168.100.200:9001 at 10.11.12.13",
        "`players` has as much as it may have in flight.",
        f"exchange {UUID} failed",
        "must be text without line breaks or control characters, and not empty",
        "the first of 2026-11-27 10:00 is over",
        "tta_gateway_error_records_total",
    ],
)
def test_what_operators_need_stays(text: str) -> None:
    assert scrub(text) == text


def test_numbers_beside_an_id_go() -> None:
    assert scrub(f"123456789 {UUID} 987654321") == f"[number] {UUID} [number]"


def test_a_long_text_is_cut() -> None:
    assert scrub("words " * LONGEST) == ("words " * LONGEST)[:LONGEST] + " [...]"


@pytest.mark.parametrize("piece", ["a", "a@", "1-", "+1 ", "eyJ.", "://a", "key=", "1.", "(1", "%"])
def test_no_text_takes_long(piece: str) -> None:
    began = time.process_time()
    scrub(piece * LONGEST)
    assert time.process_time() - began < 0.1


@given(st.text(max_size=300))
def test_any_text_can_be_scrubbed_and_no_mail_address_stays(text: str) -> None:
    assert "ada@clinic.example" not in scrub(f"{text} ada@clinic.example")
