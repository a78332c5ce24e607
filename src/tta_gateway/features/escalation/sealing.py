"""Sealing: what is kept of people in need is read by nobody who has a copy of a file or a database.

What is reported of somebody, what clinicians write about them, and an incident that is over are
sealed with the person's own key: without it nobody reads them any more.  An incident that is open
must be called about whatever becomes of that key, so it is sealed with one of the operator's; once
it is over it goes to the person's key, or, if that has been erased since, keeps nothing of them.
People are looked up by a keyed digest of their name.

What is not sealed is taken as it is: an older version wrote it, or there are no common keys.
"""

import hmac
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from tta_gateway.features.escalation.bound import Act, Incident, State
from tta_gateway.kernel.incident import Report, whose_key
from tta_gateway.support.crypto.envelope import Opening, opened_by, sealed_with
from tta_gateway.support.crypto.key_store import DataKey
from tta_gateway.support.crypto.ring import ID_BYTES, Ring
from tta_gateway.support.crypto.sealing import Erased, NotSealed
from tta_gateway.support.crypto.vault import Vault, is_sealed

ERASED: Final = "erased"
"""Stands for a person of whom nothing is kept any more."""
LOCKED: Final = "unreadable"
"""Stands for a person whose key is not at hand now: nothing that says so is ever kept."""
UNREADABLE: Final = (Erased, NotSealed, OSError)
"""Why something cannot be read: its key is gone, not at hand, or cannot be read now."""
_OWNER: Final = "incidents"
_INCIDENT: Final = "incident"
_REPORT: Final = "report"
_WORDS: Final = "act"
_MARKS: Final = b"tta-gateway marks of people in need 1"
_CLEAR: Final = 0x80  # begins a map of MessagePack, and nothing that is sealed
_encode = msgspec.msgpack.Encoder().encode
_incident = msgspec.msgpack.Decoder(Incident).decode
_report = msgspec.msgpack.Decoder(Report).decode
_words = msgspec.msgpack.Decoder(tuple[str, str]).decode


class Keys(Opening, Protocol):
    """Where the keys of people are: one of a node's state folder, or of a database."""

    def of(self, person: str) -> DataKey:
        """Return the key of a person, a new one where there is none; it never fails."""


def secrets_of(ring: Ring) -> tuple[bytes, ...]:
    """Return what marks are made with where nothing else is kept: the newest first."""
    return tuple(ring.derived(id, _MARKS) for id in ring.ids)


class Seal:
    """Seals and opens rows."""

    def __init__(
        self, ring: Ring | None, keys: Keys | None = None, *, marks: Sequence[bytes] = ()
    ) -> None:
        """Without `keys` of people the ring seals all; without a ring nothing is sealed."""
        self._vault = None if ring is None else Vault(ring)
        self._newest = b"" if ring is None else ring.newest
        self._keys = keys
        self._secrets = marks

    def mark(self, person: str) -> str:
        """Return what a person is looked up by."""
        return self.marks(person)[0]

    def marks(self, person: str) -> tuple[str, ...]:
        """Return all that a person may stand under: the name too, from before it was sealed."""
        made = [hmac.new(one, person.encode(), "sha256").hexdigest() for one in self._secrets]
        return *made, person.replace("\0", " ")  # PostgreSQL has no NUL

    def key_of(self, person: str) -> bytes:
        """Return the id of the key of a person; nothing if it is kept nowhere."""
        key = None if self._keys is None else self._keys.of(whose_key(person))
        return key.id if key is not None and key.is_kept else b""

    def is_erased(self, key: bytes) -> bool:
        """Tell whether a key is gone that there was; not where that cannot be told now."""
        if not key or self._keys is None:
            return False
        try:
            self._keys.by_id(key)
        except Erased:
            return True
        except (NotSealed, OSError):
            return False
        return False

    def is_newest(self, body: bytes) -> bool:
        """Tell whether the operator's newest key has sealed it."""
        if self._vault is None:
            return True
        return is_sealed(body) and body[1 : 1 + ID_BYTES] == self._newest

    # Incidents

    def incident(self, incident: Incident, *, is_open: bool) -> bytes:
        """Return an incident as it is kept."""
        data = _encode(incident)
        if is_open or incident.person == ERASED:
            return self._own(data)
        return self._of(incident.person, data, _INCIDENT, incident.id)

    def read_incident(self, id: str, body: bytes) -> Incident:
        """Return it; UNREADABLE, or msgspec.DecodeError."""
        found = _incident(self._opened(body, _INCIDENT, id))
        if is_sealed(body) and found.id != id:
            raise NotSealed("sealed for another place")
        return found

    # Reports

    def report(self, report: Report) -> bytes:
        """Return a report as it is kept."""
        return self._of(report.person, _encode(report), _REPORT, report.id)

    def read_report(self, id: str, body: bytes) -> Report:
        """Return it; UNREADABLE, or msgspec.DecodeError."""
        found = _report(self._opened(body, _REPORT, id))
        if is_sealed(body) and found.id != id:
            raise NotSealed("sealed for another place")
        return found

    # Acts

    def words(self, act: Act, person: str) -> bytes:
        """Return what somebody has written about a person as it is kept; nothing for nothing."""
        if not (act.to or act.text):
            return b""
        return self._of(person, _encode((act.to, act.text)), _WORDS, act.id)

    def with_words(self, act: Act, sealed: bytes) -> Act:
        """Return an act with what was written; without it where nobody can read it any more."""
        if not sealed:
            return act
        try:
            to, text = _words(self._opened(sealed, _WORDS, act.id))
        except (*UNREADABLE, msgspec.DecodeError):
            return act
        return msgspec.structs.replace(act, to=to, text=text)

    def record(self, data: bytes) -> bytes:
        """Return a record of a journal that nothing can be made of, as it is kept."""
        return self._own(data)

    def read_record(self, body: bytes) -> bytes:
        """Return it as it stood in the journal, or raise what UNREADABLE is."""
        return body if self._vault is None else self._vault.open(body, owner=_OWNER)

    # Bytes

    def _own(self, data: bytes) -> bytes:
        return data if self._vault is None else self._vault.seal(data, owner=_OWNER)

    def _of(self, person: str, data: bytes, purpose: str, about: str) -> bytes:
        if self._keys is None or person in ("", ERASED):
            return self._own(data)
        key = self._keys.of(whose_key(person))
        return sealed_with(key, data, purpose=purpose, about=about)

    def _opened(self, body: bytes, purpose: str, about: str) -> bytes:
        if not is_clear(body):
            if self._vault is not None and is_sealed(body):
                return self._vault.open(body, owner=_OWNER)
            if self._keys is None:
                raise NotSealed("its key is not at hand")
            return opened_by(self._keys, body, purpose=purpose, about=about)
        return body


def is_clear(body: bytes) -> bool:
    """Tell whether something is not sealed."""
    return body[:1] >= bytes((_CLEAR,))


def left_of(incident: Incident) -> Incident:
    """Return what is kept of an incident that is over whose person has been erased."""
    return msgspec.structs.replace(
        incident, person=ERASED, identity="unknown", categories=(), route="", service=""
    )


def unread(
    id: str, *, level: int, drill: bool, opened: float, over: float, person: str = ERASED
) -> Incident:
    """Return what can be shown of an incident that is over and cannot be read.

    Its token, which nobody knows any more, is 0.
    """
    return Incident(
        id=id,
        person=person,
        identity="unknown",
        drill=drill,
        level=level,
        categories=(),
        route="",
        service="",
        opened=opened,
        last=over,
        state=State.RESOLVED,
        began=opened,
        due=0.0,
        resolved=over,
        token=0,
    )
