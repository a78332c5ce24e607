"""Sentences of settings are those in the source."""

from tta_gateway.settings.said_below import sentences
from tta_gateway.support.config import Config


class Plain(Config):
    """A model."""

    first: int = 1
    """The first."""
    silent: int = 2
    second: int = 3
    """The second,
    on two lines."""

    def told(self) -> int:
        """Return nothing that is a setting."""
        return self.first


class More(Plain):
    """Another one."""

    second: int = 4
    """The second of more."""


def test_each_is_the_text_behind_its_field() -> None:
    assert sentences(Plain) == {"first": "The first.", "second": "The second,\non two lines."}


def test_what_is_inherited_is_told_as_well() -> None:
    assert sentences(More) == {"first": "The first.", "second": "The second of more."}
