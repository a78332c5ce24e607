"""What workers have told the guard: a node's journal, read as the guard reads it."""

from pathlib import Path

import msgspec

from tests.unit.node.test_state_client import EMPTY
from tta_gateway.kernel.incident import Report
from tta_gateway.node.key_ring import ring_of
from tta_gateway.node.reporting import FOLDER, report_of, text_of
from tta_gateway.support.crypto.envelope import Envelope
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.journal.reader import Reader


def reports_in(state: Path, keys: tuple[bytes, ...] = ()) -> list[tuple[Report, str]]:
    """Return all reports in a state folder, each with what was written; by the operator's keys."""
    snapshot = msgspec.structs.replace(EMPTY, state_dir=str(state), encryption_keys=keys)
    ring = ring_of(snapshot)
    envelope = Envelope(KeyStore(state, ring))
    reader = Reader(state / FOLDER, ring, trouble=_fail)
    found = [report_of(record.payload) for record in reader.read({}, most=10_000)]
    return [(one, text_of(one, envelope)) for one in found]


def _fail(trouble: object) -> None:
    raise AssertionError(trouble)
