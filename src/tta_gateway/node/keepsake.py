"""Keepsake: what registries said last, who has registered, which tokens count, on disk.

So are the keys of what stands in the store for state.

The next control gets all that as live sections; a gateway that starts from nothing reads the file.
What comes of it is in force until it is said anew, and said to be unconfirmed.  It is sealed like
the kept snapshot, with the same key.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from tta_gateway.features.erasure.bound import STORE_KEYS
from tta_gateway.features.identity.bound import API_KEYS, ISSUER_KEYS, KEYS, REVOKED
from tta_gateway.features.registration.record import is_section
from tta_gateway.node.findings import Findings
from tta_gateway.node.keeping import Keeping
from tta_gateway.node.remembered import PREFIX
from tta_gateway.snapshot.parts import OWN
from tta_gateway.snapshot.sealed import KEY
from tta_gateway.support.crypto.sealing import NotSealed, key_in, seal, unseal
from tta_gateway.support.log import EventLog

NAME: Final = "found.kept"
"""The file, in the state folder."""
BEGUN: Final = f"{OWN}begun"
"""The live section that says that there was a control before: it knows better than the file."""
_EVERY: Final = 1.0  # seconds from one writing to the next, at least
_AGAIN: Final = 10.0  # seconds, where it could not be written
# Another number wherever an older one would be read for what it is not.
_PURPOSE: Final = b"tta-gateway found 1"
_Sections = dict[str, bytes]
_decode = msgspec.msgpack.Decoder(dict[str, bytes]).decode
_encode = msgspec.msgpack.Encoder().encode


def read(state: Path, key: bytes) -> dict[str, bytes]:
    """Return the live sections that are kept in a state folder.

    OSError, NotSealed or msgspec.DecodeError if there are none, or none that can be read.
    """
    return _of_ours(_decode(unseal((state / NAME).read_bytes(), key=key, purpose=_PURPOSE)))


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing but that."""


class Keepsake:
    """Writes what is found whenever it has changed, and reads it once."""

    def __init__(self, state: Path, log: EventLog, *, monotonic: Callable[[], float]) -> None:
        """Look for it in this state folder; OSError if there can be no key."""
        self._state = state
        self._key = key_in(state / KEY)
        self._keeping = Keeping(state, NAME)
        self._log = log
        self._monotonic = monotonic
        self._written: _Sections = {}
        self._next = 0.0

    def beside(self, live: Mapping[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
        """Return live sections with those that are kept, unless a control has been here before."""
        if BEGUN in live:
            return dict(live)
        self._written = self._read()
        if self._written:
            names = [one.removeprefix(PREFIX) for one in self._written if one.startswith(PREFIX)]
            if names:
                self._log.event("found_restored", services=sorted(names))
        return {**{name: msgspec.Raw(raw) for name, raw in self._written.items()}, **live}

    def _read(self) -> _Sections:
        try:
            return read(self._state, self._key)
        except FileNotFoundError:
            return {}
        except (OSError, NotSealed, msgspec.DecodeError) as error:
            self._log.event("found_not_read", error=str(error))
            return {}

    def tick(self, findings: Findings) -> None:
        """Have it written if it has changed, a while after the last time; say what went wrong."""
        error = self._keeping.take_error()
        now = self._monotonic()
        if error is not None:
            self._log.event("found_not_kept", error=error.strerror)
            self._written, self._next = {}, now + _AGAIN
        if now < self._next:
            return
        self._next = now + _EVERY
        findings.put(BEGUN, Begun())
        sections = _of_ours(findings.known)
        if sections != self._written:
            self._written = sections
            self._keeping.keep(seal(_encode(sections), key=self._key, purpose=_PURPOSE))

    def wait(self, patience: float) -> None:
        """Wait until it is written, but not for long."""
        self._keeping.wait(patience)


def _of_ours(sections: Mapping[str, bytes]) -> _Sections:
    """Return what outlives the gateway of live sections."""
    return {name: raw for name, raw in sections.items() if _is_of_ours(name)}


def _is_of_ours(name: str) -> bool:
    return (
        name in (KEYS, STORE_KEYS)
        or name.startswith((PREFIX, REVOKED, ISSUER_KEYS, API_KEYS))
        or is_section(name)
    )
