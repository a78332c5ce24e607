"""What a phrase of the lexicon means."""

from typing import Final

from tta_gateway.kernel.verdict import Category

FLAGS: Final = frozenset({"stands", "anyone", "plain", "self", "weak"})
"""the head of lexicon.txt says what they mean"""


class Rule:
    """What its phrases mean: a category, a level, and how the sentence around may change that."""

    __slots__ = (
        *("anyone", "category", "flags", "idiom", "level", "name", "own", "plain", "service"),
        *("stands", "weak"),
    )

    def __init__(self, name: str, category: Category, level: int, flags: frozenset[str]) -> None:
        """Name it; flags are those of FLAGS."""
        self.name = name
        self.category: Category = category
        self.level = level
        self.idiom = level == 0
        self.service = name.startswith("service.")
        self.flags = sorted(flags)
        self.stands = "stands" in flags
        self.anyone = "anyone" in flags
        self.plain = "plain" in flags
        self.own = "self" in flags
        self.weak = "weak" in flags
