"""Server names: which certificates are offered to whom."""

from tta_gateway.wire.server_name import offers, pattern

EC, RSA = "ECDSA", "RSA"


def test_a_name_is_covered_by_one_pattern() -> None:
    assert pattern("a.example.org") == "*.example.org"


def test_each_name_has_its_certificate_and_any_other_the_first() -> None:
    assert offers([(EC, ["a"]), (EC, ["b", "c"])]) == {"a": (0,), "b": (1,), "c": (1,), "": (0,)}


def test_one_of_each_kind_is_offered_together() -> None:
    assert offers([(RSA, ["a", "b"]), (EC, ["a"])]) == {"a": (0, 1), "b": (0,), "": (0, 1)}


def test_of_two_of_one_kind_the_first_is_taken() -> None:
    assert offers([(EC, ["a"]), (EC, ["a"])]) == {"a": (0,), "": (0,)}


def test_a_pattern_goes_behind_the_very_name() -> None:
    made = offers([(EC, ["*.x.y"]), (EC, ["a.x.y"]), (RSA, ["*.x.y"])])
    assert made == {"*.x.y": (0, 2), "a.x.y": (1, 2), "": (0, 2)}


def test_a_certificate_without_a_name_is_for_those_who_ask_for_none() -> None:
    assert offers([(EC, []), (EC, ["a"])]) == {"a": (1,), "": (0,)}


def test_a_first_certificate_that_another_outdoes_is_still_the_first() -> None:
    assert offers([(EC, ["*.x"]), (EC, ["*.x"])]) == {"*.x": (0,), "": (0,)}
    assert offers([(EC, ["a.x", "b"]), (RSA, ["b"])])[""] == (0,)
