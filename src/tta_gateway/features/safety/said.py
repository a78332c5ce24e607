"""What somebody has said, and where in it something was found."""

from typing import Final

WHOLE: Final = 64 * 1024 - 64
"""Bytes that are kept of a text that nobody else has: node/reporting.py takes as many."""
_FOUND: Final = 250  # characters behind its beginning, about which what was found is
_GAP: Final = "[...]"


class Said:
    """A text; `at` is where what was found begins, `report` who has told of it first."""

    __slots__ = ("at", "report", "text")

    def __init__(self, text: str = "", at: int = 0) -> None:
        """Nobody has told of it yet."""
        self.text = text
        self.at = at
        self.report = ""

    def add(self, text: str, at: int, *, gap: bool) -> None:
        """Take more that was said; `at` is where in it something graver stands, -1 if nowhere."""
        if not text:
            return
        if self.text:
            self.text += f"\n{_GAP}\n" if gap else "\n"
        if at >= 0:
            self.at = len(self.text) + at
        self.text += text

    def around(self, most: int) -> str:
        """Return so many characters of it, with what was found among them."""
        text = self.text
        if len(text) <= most:
            return text
        begin = max(0, min(self.at + _FOUND - most // 2, len(text) - most))
        end = begin + most
        before, behind = _GAP if begin else "", _GAP if end < len(text) else ""
        return f"{before}{text[begin:end]}{behind}"

    def whole(self) -> str:
        """Return all of it, or as much around what was found as is kept."""
        most = WHOLE
        kept = self.around(most)
        while len(kept.encode(errors="replace")) > WHOLE:
            most = most * 3 // 4
            kept = self.around(most)
        return kept
