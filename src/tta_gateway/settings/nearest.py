"""The nearest word: what somebody may have meant."""

import difflib
from collections.abc import Collection


def nearest(word: str, words: Collection[str]) -> str:
    """Return a question that names the nearest word, or all of them where none is near."""
    lower = {one.lower(): one for one in words}
    found = difflib.get_close_matches(word.lower(), lower, n=1)
    if found:
        return f"do you mean `{lower[found[0]]}`?"
    if not words:
        return "none is known"
    return "known are " + ", ".join(f"`{one}`" for one in sorted(words))
