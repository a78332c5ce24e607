"""Texts as a lexicon reads them: plain lower-case words, with disguises taken off.

Cheap things are done to every text, dear ones only to tokens that look odd: marks that nobody sees
are dropped, letters of other alphabets that look like Latin ones become those, digits that stand
for letters are read as such where a known word comes of it, letters that are drawn out or spaced
out are drawn together.  A full stop of a sentence is a word of its own, ".".
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from tta_gateway.features.safety.lookalikes import EMOJI, INVISIBLE, LATIN
from tta_gateway.features.safety.markup import bare
from tta_gateway.features.safety.spelling import meant

STOP: Final = "."
LONGEST: Final = 64 * 1024
"""characters of a text that are read: three quarters at its head, the rest at its tail"""
PIECE: Final = 3072
"""characters that are read at once"""
OVERLAP: Final = 256
_TAIL: Final = LONGEST // 4
_SPELT: Final = 3
"""letters on their own that are taken for a word spelt out"""
_LONGEST_WORD: Final = 14
_GLUED: Final = ("myself", "todie", "mylife", "killme", "suicid", "selfharm")
"""what words hold that are looked at for being several"""
_SHORTEST_GLUED: Final = 7
_LONGEST_GLUED: Final = 40
_UNREAD: Final = 2.0
"""what a letter of no word counts, where a word counts 1"""


def _folded(code: int) -> str | None:
    char = chr(code)
    if char.isalnum():
        return char.lower()
    if char in ".!?;":
        return STOP
    return None if char in "'`" else " "


def _table() -> bytes:
    """Return what each byte is read as; those of letters beyond ASCII stay (RFC 3629 3)."""
    return bytes(ord(_folded(code) or " ") if code < 128 else code for code in range(256))


def _kind(code: int) -> str:
    """Return what a byte is: a letter, as all beyond ASCII may be, a mark for one, or neither."""
    char = chr(code)
    if code > 127 or char.isalpha():
        return "a"
    if char in "!+":
        return "!"
    return "0" if char in "0123456789@$|*" else " "


_PLAIN: Final = _table()
_DROPPED: Final = b"'`"
_KINDS: Final = "".join(map(_kind, range(256))).encode()
_DIGIT: Final = ord("0")
_EXCLAIMED: Final = ord("!")
_SURROGATES: Final = "surrogatepass"
_MARKS: Final = str.maketrans(
    dict.fromkeys("\u2018\u2019\u00b4\u02bc", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb\u2013\u2014\u2022\u00b7", " ")
    | dict.fromkeys("\u3002\u00bf\u00a1", STOP)
)
_USUAL: Final = (
    ("\u2019", "'"),
    ("\u201c", " "),
    ("\u201d", " "),
    ("\u2014", " "),
    ("\u2026", " "),
)
"""marks of a typewriter of today: most texts have no others"""
_USUAL_BYTES: Final = [(mark, mark.encode(), usual.encode()) for mark, usual in _USUAL]
_UNSEEN: Final = re.compile(f"[{INVISIBLE}]")
_PICTURE: Final = re.compile(f"[{EMOJI}]")
_FOREIGN: Final = re.compile(r"[^\x00-\x7f]")
_KNOWN: Final[dict[str, str]] = {}
"""characters that were looked at before, and what they are read as"""
_MOST_KNOWN: Final = 4096
_ODD: Final = re.compile(r"[0-9@$|*]")
_ODD_TOO: Final = re.compile(r"[a-z][!+][a-z]")
_MARK: Final = re.compile(r"[0-9@$|*!+]")
_APART: Final = frozenset(' \t\n\v\f\r\x1c\x1d\x1e\x1f.,;:?"()[]{}<>/#')
"""what stands between tokens; of what is not ASCII, blanks do too"""
_DOTS: Final = 2
_DOTTED: Final = re.compile(r"(?<![^\s.])[a-z]++(?:\.[a-z]++){2,}+")
"""words with full stops between them for blanks"""
_SPOKEN: Final = {
    "wanna": "want to",
    "tryna": "trying to",
    **dict.fromkeys(("gonna", "gunna", "finna", "ganna"), "going to"),
}
_DRAWN_OUT: Final = tuple(letter * 3 for letter in "aeioudhklmnrsty")
"""runs of letters that are drawn out, of those that people do it with"""
_RUN: Final = re.compile(r"([a-z])\1+")
_LEET: Final = str.maketrans("013457869@$!|+", "oleastbgqasilt")
_LEET_I: Final = str.maketrans("013457869@$!|+", "oieastbgqasiit")
_LEET_CHARS: Final = frozenset("0123456789@$!|+")
_STARS: Final = frozenset("*!@")
_JOINTS: Final = frozenset("-_~*")
_JOINT: Final = re.compile(r"[-_~*]")


class Words:
    """The words that disguises are tried against."""

    def __init__(
        self,
        known: frozenset[str],
        *,
        starred: frozenset[str] = frozenset(),
        spellings: Mapping[str, str] | None = None,
        anchors: Mapping[str, int] | None = None,
    ) -> None:
        """Know these; the `starred` are known too where stars or other marks hide vowels.

        `spellings` are words that are no others, and what is meant by each; `anchors` are numbers
        of known words, which `numbered` gives with them.
        """
        self.known = known
        words = sorted(sorted(known), key=len, reverse=True)
        self._squeezed = dict(zip(_RUN.sub(r"\1", " ".join(words)).split(" "), words, strict=True))
        self._hidden = {hidden: word for word in starred for hidden in _hidden(word)}
        self._halves = {
            (word[:cut], word[cut:]): word
            for word in starred
            for cut in range(2, len(word) - 1)
            if word[:cut] not in known and word[cut:] not in known
        }
        self._first_halves = frozenset(first for first, _ in self._halves)
        self._second_halves = frozenset(second for _, second in self._halves)
        self._spellings = {**_SPOKEN, **(spellings or {})}
        self._odd = frozenset([*self._second_halves, *self._spellings])
        self._anchors = dict(anchors or {})
        self._usual = {word: self._anchors.get(word, 0) for word in known - self._odd}

    def of(self, text: str) -> list[str]:
        """Return the words of a text."""
        return self.numbered(text)[0]

    def numbered(self, text: str) -> tuple[list[str], list[int | None]]:
        """Return the words of a text, and the numbers of those that have one; others have none."""
        if "&" in text or "<" in text:
            text = bare(text)
        words = self._plainly(text).replace(STOP, " . ").split()
        usual = self._usual
        numbers: list[int | None] = []
        rest: list[str] = []
        # A loop, and one look-up a word, which is what this takes: bench/scanning.py.
        for word in words:
            number = usual.get(word)
            numbers.append(number)
            if number is None:
                rest.append(word)
        # Disguises are looked for in unusual words alone.
        made = self._undisguised(words, rest)
        if made is not words:
            numbers = [self._anchors.get(word) for word in made]
        return made, numbers

    def _undisguised(self, words: list[str], rest: list[str]) -> list[str]:
        """Return words, those themselves if none is disguised; the unusual of them are the rest."""
        made = words
        unusual = " ".join(rest)
        if _is_drawn_out(unusual):
            made = rest = [self._squeeze(word) for word in made]
        if _is_spelt(made):
            made = rest = self._joined(made)
        if _is_glued(unusual):
            made = rest = self._unglued(made)
        return made if self._odd.isdisjoint(rest) else self._righted(made)

    def _righted(self, words: list[str]) -> list[str]:
        """Return words with those put right that were cut in two or typed in a hurry."""
        if not self._first_halves.isdisjoint(words):
            words = self._mended(words)
        return meant(self._spellings, words)

    def spans(self, text: str) -> list[tuple[str, int, int]]:
        """Return the words of a text, each with where it begins and ends in it; slow.

        Words that were spelt out, or cut in two, stand here as they were written.
        """
        return [
            (word, found.start(), found.end())
            for found in re.finditer(r"\S+", text)
            for word in self.of(found[0])
        ]

    def _plainly(self, text: str) -> str:
        """Return a text in small letters, with its marks read, and full stops alone among them."""
        # As bytes, in which a table costs a fifth: scripts/safety_score.py, stage 1.
        raw = text.encode("utf-8", _SURROGATES)
        if len(raw) > len(text):
            raw = _in_latin(text, raw)
        kinds = raw.translate(_KINDS)
        if _may_be_odd(kinds):
            lower = raw.decode("utf-8", _SURROGATES).lower()
            if _is_odd(lower):
                raw = self._read(lower).encode("utf-8", _SURROGATES)
        raw = raw.replace(b"...", b" ").translate(_PLAIN, _DROPPED)
        lower = raw.decode("utf-8", _SURROGATES)
        return _DOTTED.sub(_undotted, lower) if _may_be_dotted(lower) else lower

    def _read(self, text: str) -> str:
        """Return a text whose tokens of marks and digits are read, if known words come of it."""
        made: list[str] = []
        done = 0
        for mark in _MARK.finditer(text):
            at = mark.start()
            if at < done:
                continue
            begin, end = at, at + 1
            while begin > done and not _is_apart(text[begin - 1]):
                begin -= 1
            while end < len(text) and not _is_apart(text[end]):
                end += 1
            token = text[begin:end]
            made.append(text[done:begin])
            made.append(token if token.isdecimal() else self._unmasked(token))
            done = end
        made.append(text[done:])
        return "".join(made)

    def _unmasked(self, token: str) -> str:
        """Return a token as it is read: with letters for its marks, if a known word comes of it."""
        bare = token.strip("!|+'`-_~=&^%\\")
        if not _STARS.isdisjoint(bare):
            if "*" in bare and not bare.startswith("*") and bare.rstrip("*") in self.known:
                return token.replace("*", " ")
            hidden = self._hidden.get(bare.replace("!", "*").replace("@", "*"))
            if hidden is not None:
                return hidden
        return self._unleeted(token, bare) if _is_masked(bare) else token.replace("*", " ")

    def _unleeted(self, token: str, bare: str) -> str:
        """Return a token, bare of marks around it, with letters for digits and marks."""
        for table in (_LEET, _LEET_I):
            # Without apostrophes, as words stand here: d0n't.
            read = bare.translate(table).replace("'", "")
            if read in self.known or _single(read) in self._squeezed:
                return read
        if not _JOINTS.isdisjoint(bare):
            return " ".join([self._unmasked(part) for part in _JOINT.split(bare)])
        if bare[0].isalpha() and bare[-1].isalpha():
            return bare.translate(_LEET_I)
        return token

    def _squeeze(self, word: str) -> str:
        """Return a word without letters that are drawn out."""
        if word in self.known or not _is_drawn_out(word):
            return word
        short = _single(word)
        return self._squeezed.get(short, short)

    def _joined(self, words: list[str]) -> list[str]:
        """Join letters that stand on their own, three or more in a row, and part what comes of it.

        Words of one letter, such as I and a, stay where fewer are in a row.
        """
        made: list[str] = []
        run: list[str] = []
        for word in [*words, ""]:
            if len(word) == 1 and (word.isalpha() or (word == STOP and run and run[-1] != STOP)):
                run.append(word)
                continue
            made += self._word_of(run)
            run = []
            if word:
                made.append(word)
        return made

    def _word_of(self, run: list[str]) -> list[str]:
        letters = "".join(run).replace(STOP, "")
        if len(letters) < _SPELT or not letters.isalpha():
            return run
        stop = [STOP] if run[-1] == STOP else []
        return [*self._parted(letters), *stop]

    def _parted(self, letters: str) -> list[str]:
        """Return the words that a string is made of, with as little as can be that is no word."""
        costs = [0.0]
        begins = [0]
        for end in range(1, len(letters) + 1):
            begin, least = end - 1, costs[end - 1] + _UNREAD
            for at in range(max(0, end - _LONGEST_WORD), end):
                if costs[at] + 1.0 < least and letters[at:end] in self.known:
                    begin, least = at, costs[at] + 1.0
            costs.append(least)
            begins.append(begin)
        made: list[str] = []
        end = len(letters)
        while end:
            begin = begins[end]
            while begin and costs[end] - costs[begin] > 1.0 and _is_unread(costs, begins, begin):
                begin = begins[begin]
            made.append(letters[begin:end])
            end = begin
        return made[::-1]

    def _unglued(self, words: list[str]) -> list[str]:
        """Part words that are written as one, as in hashtags, if nothing is left over."""
        made: list[str] = []
        for word in words:
            if len(word) < _SHORTEST_GLUED or word in self.known or not _is_glued(word):
                made.append(word)
                continue
            parts = self._parted(word[:_LONGEST_GLUED])
            made += parts if self.known.issuperset(parts) else [word]
        return made

    def _mended(self, words: list[str]) -> list[str]:
        """Join words that were cut in two."""
        made: list[str] = []
        for word in words:
            whole = self._halves.get((made[-1], word)) if made else None
            if whole is None:
                made.append(word)
            else:
                made[-1] = whole
        return made


def _in_latin(text: str, raw: bytes) -> bytes:
    """Return a text that is not ASCII, and the same as bytes, as plain bytes."""
    for mark, coded, usual in _USUAL_BYTES:
        if mark in text:
            raw = raw.replace(coded, usual)
    if raw.isascii():
        return raw
    # Of others than ASCII the table makes no small letters.
    return plain(text).lower().encode("utf-8", _SURROGATES)


def plain(text: str) -> str:
    """Return a text without marks that nobody sees, in letters that look like Latin if they do."""
    for mark, usual in _USUAL:
        text = text.replace(mark, usual)
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text)
    for char in set(_FOREIGN.findall(text)):
        known = _KNOWN.get(char)
        if known is None:
            known = _KNOWN[char] = _plain_char(char)
            if len(_KNOWN) > _MOST_KNOWN:
                _KNOWN.clear()
        if known != char:
            text = text.replace(char, known)
    return text


def pieces(text: str) -> list[str]:
    """Cut a text to what is read at once; of one that is very long, its head and its tail.

    Pieces overlap, and are cut between words where there are any.
    """
    if len(text) <= PIECE:
        return [text]
    if len(text) > LONGEST:
        return _cut(text[: LONGEST - _TAIL]) + _cut(text[-_TAIL:])
    return _cut(text)


def _cut(text: str) -> list[str]:
    made = []
    begin = 0
    while begin + PIECE < len(text):
        end = text.rfind(" ", begin + PIECE - OVERLAP, begin + PIECE)
        end = begin + PIECE if end < 0 else end
        made.append(text[begin:end])
        again = text.find(" ", end - OVERLAP, end)
        begin = end - OVERLAP if again < 0 else again
    return [*made, text[begin:]]


def _plain_char(char: str) -> str:
    if _UNSEEN.match(char) or unicodedata.combining(char):
        return ""
    if _PICTURE.match(char):
        return f" {char} "
    plain_mark = char.translate(_MARKS)
    if plain_mark != char:
        return plain_mark
    letters = unicodedata.normalize("NFKD", char.translate(LATIN))
    return "".join([one for one in letters if not unicodedata.combining(one)]).translate(LATIN)


def _undotted(words: re.Match[str]) -> str:
    return words[0].replace(STOP, " ")


def _may_be_odd(kinds: bytes) -> bool:
    """Tell by the kinds of bytes whether a text may be odd."""
    if _DIGIT in kinds and (kinds.find(b"a0") >= 0 or kinds.find(b"0a") >= 0):
        return True
    return _EXCLAIMED in kinds and kinds.find(b"a!a") >= 0


def _may_be_dotted(text: str) -> bool:
    """Tell whether several full stops have no blank behind them."""
    count = 0
    at = text.find(STOP)
    while at >= 0:
        if text[at + 1 : at + 2] != " ":
            count += 1
        at = text.find(STOP, at + 1)
    return count > _DOTS


def _is_apart(char: str) -> bool:
    """Tell whether no token goes on over this."""
    return char in _APART or (char > "\x7f" and char.isspace())


def _is_odd(text: str) -> bool:
    """Tell whether digits or marks stand beside letters, so that they may be letters too."""
    for found in _ODD.finditer(text):
        at = found.start()
        if (at and text[at - 1].isalpha()) or text[at + 1 : at + 2].isalpha():
            return True
    return ("!" in text or "+" in text) and _ODD_TOO.search(text) is not None


def _is_drawn_out(text: str) -> bool:
    return _has_run(text.encode("utf-8", _SURROGATES)) and _is_run_of_letters(text)


def _has_run(raw: bytes) -> bool:
    """Tell whether a byte stands three times in a row."""
    at = 2
    size = len(raw)
    while at < size:
        # What is another than the one before is the last of no run, nor the next one of it.
        if raw[at] == raw[at - 1]:
            if raw[at] == raw[at - 2]:
                return True
            at += 1
        else:
            at += 2
    return False


def _is_run_of_letters(text: str) -> bool:
    """Tell whether it is a letter that people do it with."""
    for run in _DRAWN_OUT:  # noqa: SIM110 - faster than a generator: scripts/safety_score.py
        if run in text:
            return True
    return False


def _is_glued(text: str) -> bool:
    for part in _GLUED:  # noqa: SIM110 - faster than a generator: scripts/safety_score.py
        if part in text:
            return True
    return False


def _is_spelt(words: list[str]) -> bool:
    """Tell whether three letters stand on their own in a row, stops between them or not."""
    run = 0
    for word in words:
        if len(word) > 1:
            run = 0
        elif word != STOP:
            run += 1
            if run == _SPELT:
                return True
    return False


def _is_unread(costs: list[float], begins: list[int], end: int) -> bool:
    """Tell whether the letter before is of no word."""
    return costs[end] - costs[begins[end]] > 1.0


def _is_masked(token: str) -> bool:
    """Tell whether there are letters in a token, and marks or digits that may stand for others."""
    if _LEET_CHARS.isdisjoint(token):
        return False
    for char in token:  # noqa: SIM110 - faster than a generator: scripts/safety_score.py
        if char.isalpha():
            return True
    return False


def _single(word: str) -> str:
    """Return a word without letters that are said twice in a row."""
    last = ""
    for char in word:
        if char == last:
            return _RUN.sub(r"\1", word)
        last = char
    return word


def _hidden(word: str) -> set[str]:
    """Return a word with stars for its vowels: all, one of them, or all between first and last."""
    vowels = [at for at, char in enumerate(word) if char in "aeiou" and at]
    made = {word[:at] + "*" + word[at + 1 :] for at in range(1, len(word))}
    made.add("".join("*" if at in vowels else char for at, char in enumerate(word)))
    made.add(word[0] + "*" * (len(word) - 2) + word[-1])
    return {one for one in made if "*" in one}
