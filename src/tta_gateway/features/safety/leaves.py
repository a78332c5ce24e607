"""The texts in a body: what somebody has written, without what frames it.

Of JSON, every string is read where it stands, not by way of a tree: so what is nested too deeply,
stands under a key twice or is cut off is read like the rest, in time that grows with its length
alone.  Escapes are undone: they would hide words.  Where words stand outside strings it is no JSON
after all, and all of it is read as it stands: so do texts that only begin like it, with a quote.
"""

import codecs
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_plus

from tta_gateway.features.safety.secrets import is_secret

SLICE: Final = 500
"""Characters that a detector is given at a time: in a longer text, what is harmless around a
sentence has the model doubt it."""
OVERLAP: Final = 256
"""Characters of a slice that the next one begins with: nothing is lost between two."""
_STRING: Final = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)(?:"(\s*:)?|\\?\Z)', re.DOTALL)
_ESCAPE: Final = re.compile(r'\\(?:u([0-9a-fA-F]{4})|([bfnrt"\\/]))')
_PLAIN: Final = {"b": " ", "f": " ", "n": "\n", "r": "\n", "t": "\t"}
_PAIR: Final = re.compile(r"[\ud800-\udbff][\udc00-\udfff]")
_HALF: Final = re.compile(r"[\ud800-\udfff]")
_WORD: Final = re.compile(r"[^\W\d_]")
_MEDIA: Final = (b"image/", b"audio/", b"video/", b"font/")
_FORM: Final = b"application/x-www-form-urlencoded"
_MULTIPART: Final = b"multipart/"
_TEXTS: Final = (b"json", b"json-seq", b"xml", b"jsonl")
_BOUNDARY: Final = re.compile(rb'boundary=(?:"([^"]{1,70})"|([^\s;]{1,70}))', re.IGNORECASE)
_CHARSET: Final = re.compile(rb'charset="?([a-z0-9._\-]{1,40})', re.IGNORECASE)
_CHARSETS: Final = frozenset(
    ("utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252", "utf-16", "utf-16-le", "utf-16-be")
)
_FIELD: Final = re.compile(rb'(?i)^content-disposition:.*?;\s*name="?([^";]{1,64})')
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PARTS: Final = 256  # of a multipart body
_STRINGS: Final = 2000  # of a document or a form, each by itself
_BLOB: Final = 512  # characters without a space, from which on nobody has written them
_FILE: Final = re.compile(r"(?:data:[\w/+.;=\-]{0,100},)?[A-Za-z0-9+/=_\-]*+\Z", re.ASCII)
_DIGIT: Final = re.compile(r"[0-9]")
_BARE: Final = re.compile(r"[^\W\d_]++")
_NO_STRINGS: Final = ("true", "false", "null", "NaN", "Infinity", "e", "E")


def is_json(kind: bytes) -> bool:
    """Tell whether a media type (RFC 9110 8.3.1) is of JSON, in one document or several."""
    name = _name(kind)
    return name.endswith((b"json", b"json-seq", b"jsonl"))


def is_media(kind: bytes) -> bool:
    """Tell whether a media type is of pictures, sounds and the like."""
    return _name(kind).startswith(_MEDIA)


def texts(body: bytes, kind: bytes, *, whole: bool = True) -> str | None:
    """Return the texts in a body of this media type, a line each; None if nobody can read it.

    Where it is not `whole`, it is a part from somewhere inside, and nothing of its frame is known.
    """
    name = _name(kind)
    if name.startswith(_MEDIA):
        return None
    if name.startswith(_MULTIPART):
        return _multipart(body, kind, whole=whole)
    written = _decoded(body, kind, sure=_is_text(name))
    if written is None:
        return None
    if not whole:
        if name == _FORM:
            return unquote_plus(written.replace("&", "\n"))
        return written if name.startswith(b"text/") else _unescaped(written)
    if name == _FORM:
        return _form(written)
    if is_json(kind) or (not name.startswith(b"text/") and written.lstrip()[:1] in ("{", "[", '"')):
        return _strings(written)
    return written


def slices(text: str) -> Iterator[str]:
    """Yield a text in pieces of at most SLICE characters, each beginning within the one before."""
    if len(text) <= SLICE:
        yield text
        return
    begin = 0
    while begin + OVERLAP < len(text):
        yield text[begin : begin + SLICE]
        begin += SLICE - OVERLAP


def _name(kind: bytes) -> bytes:
    return kind.partition(b";")[0].strip().lower()


def _is_text(name: bytes) -> bool:
    """Tell whether a body of this type is a text, whatever is in it."""
    return name == _FORM or name.startswith(b"text/") or name.endswith(_TEXTS)


def _decoded(body: bytes, kind: bytes, *, sure: bool) -> str | None:
    """Return what the bytes say; None if it is no text, where that is not sure."""
    for mark, charset in _MARKS:
        if body.startswith(mark):
            return body.decode(charset, "replace")
    named = _CHARSET.search(kind)
    if named is not None:
        try:
            charset = codecs.lookup(named[1].decode()).name
        except LookupError:
            charset = ""
        if charset in _CHARSETS:
            return body.decode(charset, "replace")
    if not sure and _is_binary(body):
        return None
    return body.decode("utf-8", "replace")


def _is_binary(body: bytes) -> bool:
    """Tell whether bytes without a name for what they are seem to be no text."""
    if b"\0" in body:
        return True
    return body[:1024].decode("utf-8", "replace").count("\ufffd") > len(body[:1024]) // 16


def quoted(data: bytes) -> list[str]:
    """Return the strings of JSON that stands within something else: events, lines, frames."""
    found = _STRING.finditer(data.decode("utf-8", "replace"))
    return [_unescaped(match[1]) for match in found if match[2] is None or " " in match[1]]


def _strings(written: str) -> str:
    """Return the strings of JSON; of keys, those that say something.  All of what is no JSON."""
    found = []
    end = 0
    name = ""
    for number, match in enumerate(_STRING.finditer(written)):
        begin = match.start()
        if _has_words(written, end, begin):
            return _unescaped(written)
        if number == _STRINGS:  # of so many, the rest is read as it stands: that is quick
            found.append(_unescaped(written[begin:]))
            return "\n".join(found)
        said = _unescaped(match[1])
        is_name = match[2] is not None
        name = said if is_name else "" if written.find("}", end, begin) >= 0 else name
        end = match.end()
        if _says_something(said, name, is_name=is_name):
            found.append(said[:_BLOB] if _is_file(said) else said)
    if end == 0 or _has_words(written, end, len(written)):
        return _unescaped(written)
    return "\n".join(found)


def _says_something(said: str, name: str, *, is_name: bool) -> bool:
    """Tell whether a string has words that are not those of a field's name, or a secret."""
    is_none = " " not in said if is_name else is_secret(name, said)
    return not is_none and _WORD.search(said) is not None


def _has_words(written: str, begin: int, end: int) -> bool:
    """Tell whether somebody has written something there, where JSON has only its marks."""
    for word in _BARE.findall(written, begin, end):
        if not any(known.startswith(word) for known in _NO_STRINGS):
            return True
    return False


def _is_file(said: str) -> bool:
    """Tell whether a string is a file, as base64 or digits have it: words have few digits."""
    if len(said) <= _BLOB or _FILE.match(said) is None:
        return False
    some = said[-_BLOB:]
    return len(_DIGIT.findall(some)) > len(some) // 20


def _unescaped(said: str) -> str:
    """Return JSON's text with its escapes undone, two halves of a character put together."""
    if "\\" not in said:
        return said
    made = _ESCAPE.sub(_meant, said)
    if _HALF.search(made):
        made = _HALF.sub("\ufffd", _PAIR.sub(_joined, made))
    return made


def _meant(escape: re.Match[str]) -> str:
    code: str | None = escape[1]
    if code is not None:
        return chr(int(code, 16))
    letter: str = escape[2]
    return _PLAIN.get(letter, letter)


def _joined(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _form(written: str) -> str:
    """Return the values of a form (the URL standard, application/x-www-form-urlencoded)."""
    *fields, rest = written.split("&", _STRINGS)
    values = [_value(field) for field in fields]
    return "\n".join([*values, _value(rest).replace("&", "\n")])


def _value(field: str) -> str:
    """Return the value of a field of a form, or its name if it has none; of a secret, nothing."""
    name, _, value = field.partition("=")
    said = unquote_plus(value or name)
    return "" if is_secret(unquote_plus(name), said) else said


def _multipart(body: bytes, kind: bytes, *, whole: bool) -> str | None:
    """Return the fields of a form in parts (RFC 7578), and its files that are texts."""
    named = _BOUNDARY.search(kind)
    if named is None:
        return _decoded(body, b"", sure=False)
    parts = body.split(b"--" + (named[1] or named[2]), _PARTS)
    found: list[str] = []
    if not whole or len(parts) == 1:  # it begins within a part, whose head is not here
        found.append(_decoded(parts[0], b"", sure=False) or "")
    for part in parts[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        found.append(_part(head, content.removesuffix(b"\r\n")) or "")
    return "\n".join(filter(None, found))


def _part(head: bytes, content: bytes) -> str | None:
    kind = b""
    field = ""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-type":
            kind = value.strip()
        named = _FIELD.search(line)
        if named is not None:
            field = named[1].decode("utf-8", "replace")
    if field and is_secret(field, content.decode("utf-8", "replace")):
        return None
    if _name(kind).startswith(_MULTIPART):
        return _decoded(content, b"", sure=False)
    return texts(content, kind)
