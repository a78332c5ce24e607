"""Directories of help lines: who publishes editions, and which of them may take the place of ours.

A directory may be anything that gives a signed file (resources.py).  What it gives is never shown
before it has been proved, and never takes us back to an older edition.
"""

from typing import Protocol

from tta_gateway.features.safety.resources import NoResources, Resources, read


class Directory(Protocol):
    """Who publishes help lines."""

    async def edition(self) -> bytes:
        """Return the newest edition as a signed file; NoResources says why there is none."""


async def newer(directory: Directory, *, than: bytes, key: str) -> tuple[bytes, Resources] | None:
    """Return the directory's edition, and what it holds, if it is newer than a file of ours.

    None if it is the same day's; NoResources if it is older, or not signed with this key.
    """
    data = await directory.edition()
    found, ours = read(data, key=key), read(than, key=key)
    if found.edition < ours.edition:
        raise NoResources(f"is of {found.edition}: older than ours of {ours.edition}")
    return None if found == ours else (data, found)
