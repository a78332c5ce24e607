"""Content codings undone: whole, in pieces, broken, and as bombs."""

import gzip
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from typing import Final, cast

import brotli
import pytest

from tta_gateway.features.safety.decoding import (
    MEMBERS,
    PIECE,
    RATIO,
    Decoding,
    is_known,
    named,
    prepare,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Pack = Callable[[bytes], bytes]


def bare(data: bytes) -> bytes:
    deflating = zlib.compressobj(wbits=-15)
    return deflating.compress(data) + deflating.flush()


PACKED: Final[list[tuple[bytes, Pack]]] = [
    (b"gzip", gzip.compress),
    (b"X-GZip", gzip.compress),
    (b"deflate", zlib.compress),
    (b"deflate", bare),
    (b"br", cast("Pack", brotli.compress)),
    (b"zstd", zstd.compress),
    (b"identity, br", cast("Pack", brotli.compress)),
    (b"gzip, br", lambda data: cast("bytes", brotli.compress(gzip.compress(data)))),
    (b"zstd,gzip", lambda data: gzip.compress(zstd.compress(data))),
]
ONE: Final = (b"gzip", b"deflate", b"br", b"zstd")
TEXT: Final = b"".join(b"line %d of many\n" % number for number in range(5000))


def decoded(decoding: Decoding, data: bytes, step: int = 1000) -> bytes:
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    return b"".join(made for piece in pieces for made in decoding.take(piece))


@pytest.mark.parametrize("step", [1, 7, 1000, 1_000_000])
@pytest.mark.parametrize(("coding", "pack"), PACKED)
def test_what_is_compressed_is_decoded_as_it_comes(coding: bytes, pack: Pack, step: int) -> None:
    decoding = Decoding(coding)
    assert decoded(decoding, pack(TEXT), step) == TEXT
    assert decoding.broken == ""


@pytest.mark.parametrize(("coding", "pack"), PACKED)
def test_no_piece_is_much_larger_than_a_piece(coding: bytes, pack: Pack) -> None:
    data = pack(TEXT * 20)
    assert max(map(len, Decoding(coding).take(data))) <= 4 * PIECE


@pytest.mark.parametrize("step", [50, 1_000_000])
@pytest.mark.parametrize(("coding", "pack"), PACKED)
def test_a_bomb_is_given_up(coding: bytes, pack: Pack, step: int) -> None:
    data = pack(bytes(20_000_000))
    decoding = Decoding(coding)
    made = decoded(decoding, data, step)
    assert decoding.broken == "too_large"
    assert len(made) <= max(65536, RATIO * len(data)) + 4 * PIECE
    assert list(decoding.take(data)) == []


@pytest.mark.parametrize("coding", ONE)
def test_more_than_is_wanted_is_not_decoded(coding: bytes) -> None:
    pack = dict(PACKED)[coding]
    decoding = Decoding(coding, 20_000)
    made = decoded(decoding, pack(TEXT), 100_000)
    assert (decoding.broken, TEXT.startswith(made)) == ("too_large", True)
    assert 20_000 < len(made) < 20_000 + 4 * PIECE


@pytest.mark.parametrize("coding", [*ONE, b"gzip, br"])
def test_what_is_not_what_it_is_called_is_undecodable(coding: bytes) -> None:
    decoding = Decoding(coding)
    assert decoded(decoding, b"\xff this is no such thing" * 3, 5) == b""
    assert decoding.broken == "undecodable"
    assert list(decoding.take(gzip.compress(b"words"))) == []


@pytest.mark.parametrize("coding", ONE)
def test_what_breaks_off_is_decoded_so_far(coding: bytes) -> None:
    data = dict(PACKED)[coding](os.urandom(100_000))
    decoding = Decoding(coding)
    assert len(decoded(decoding, data[:-20_000])) > 0
    assert decoding.broken == ""


@pytest.mark.parametrize("size", [1, 7, 5000, 1_000_000])
@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"zstd"])
def test_every_member_is_decoded_however_they_come(coding: bytes, size: int) -> None:
    pack = {**dict(PACKED), b"deflate": zlib.compress}[coding]
    texts = [TEXT[number : number + 3000] for number in range(MEMBERS)]
    decoding = Decoding(coding)
    assert decoded(decoding, b"".join(map(pack, texts)), size) == b"".join(texts)
    assert decoding.broken == ""


def test_many_empty_members_are_refused_and_take_no_time() -> None:
    decoding = Decoding(b"gzip")
    assert decoded(decoding, gzip.compress(b"") * 100_000, 1_000_000) == b""
    assert decoding.broken == "too_large"


def test_a_window_that_no_client_must_have_is_undecodable() -> None:
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 26}
    data = zstd.compress(os.urandom(1000) * 20_000, options=options)
    decoding = Decoding(b"zstd")
    assert decoded(decoding, data) == b""
    assert decoding.broken == "undecodable"


def test_nothing_may_follow_br_unless_it_is_another() -> None:
    data = cast("bytes", brotli.compress(b"words"))
    decoding = Decoding(b"br")
    assert decoded(decoding, data, len(data)) == b"words"
    assert list(decoding.take(b"\xff\xff\xff\xff words")) == []
    assert decoding.broken == "undecodable"


@pytest.mark.parametrize(
    ("coding", "names", "known"),
    [
        (b"", [], True),
        (b" Identity ", [], True),
        (b"BR", [b"br"], True),
        (b"gzip, identity, zstd", [b"gzip", b"zstd"], True),
        (b"gzip,gzip,gzip", [b"gzip"] * 3, False),
        (b"compress", [b"compress"], False),
        (b"br, dcb", [b"br", b"dcb"], False),
    ],
)
def test_which_codings_there_are_and_which_are_known(
    coding: bytes, names: list[bytes], *, known: bool
) -> None:
    assert (named(coding), is_known(named(coding))) == (names, known)


def test_the_decoder_of_zstd_is_loaded_before_it_is_needed() -> None:
    seen = (
        "import sys; from tta_gateway.features.safety import decoding as it;"
        "of = lambda: [name for name in sys.modules if name.endswith('zstd')];"
        "before = of(); it.prepare(); print(before == [] and of() != [])"
    )
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # the copy that is tested
    told = subprocess.run(
        [sys.executable, "-c", seen], capture_output=True, text=True, check=True, env=here
    )
    assert told.stdout == "True\n"


def test_a_body_is_whole_where_all_of_its_codings_end() -> None:
    prepare()
    data = gzip.compress(b"seen")
    decoding = Decoding(b"gzip", most=100)
    seen = [decoding.is_whole]
    for piece in (data[:-1], data[-1:]):
        list(decoding.take(piece))
        seen.append(decoding.is_whole)
    assert seen == [True, False, True]
