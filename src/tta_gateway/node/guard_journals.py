"""The journals of a node's workers, as its guard reads them."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tta_gateway.features.escalation.store import Record
from tta_gateway.support.crypto.ring import Wrapping
from tta_gateway.support.journal.metrics import BEHIND_BYTES, BEHIND_SECONDS, DAMAGED
from tta_gateway.support.journal.reader import Reader, Trouble
from tta_gateway.support.journal.wake import Bell
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry

FOLDER: Final = "journal"
