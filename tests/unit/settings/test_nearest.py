"""The nearest word."""

from tta_gateway.settings.nearest import nearest


def test_the_nearest_word_is_asked_about() -> None:
    assert nearest("servce", ["service", "redirect"]) == "do you mean `service`?"


def test_capitals_do_not_matter() -> None:
    assert nearest("get", ["GET", "PUT"]) == "do you mean `GET`?"


def test_where_none_is_near_all_are_named() -> None:
    assert nearest("x", ["b", "a"]) == "known are `a`, `b`"


def test_where_there_is_none_that_is_said() -> None:
    assert nearest("x", []) == "none is known"
