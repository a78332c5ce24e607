"""Limits of a message's head and framing (architecture, table of defaults)."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How large a head and the framing of a body may be; bytes unless said."""

    request_line: int = 8 * 1024
    head: int = 32 * 1024
    fields: int = 100  # how many
    chunk_extension: int = 256  # in one chunk
    chunk_extensions: int = 4 * 1024  # in one body
    trailers: int = 8 * 1024
    interim: int = 16  # how many 1xx answers before the final one
