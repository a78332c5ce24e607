"""The process that hashes: what it is asked, and what it answers."""

from tta_gateway.node.hashing_main import RIGHT, WRONG, answer, task_of

WORD = b"a pass\0word"


def test_it_makes_a_hash_and_proves_it() -> None:
    known = answer(task_of("", WORD)).decode()
    assert known.startswith("$argon2id$")
    assert answer(task_of(known, WORD)) == RIGHT
    assert answer(task_of(known, b"a pass")) == WRONG


def test_what_is_no_hash_is_proved_by_nothing() -> None:
    assert answer(task_of("none", WORD)) == WRONG
