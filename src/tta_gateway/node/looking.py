"""Looking at files from a thread: a disk, or a network, that does not answer holds up nobody.

All files are looked at in a round, by one thread.  One that takes too long is left to that thread,
however long it lasts, and the others have another one.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from tta_gateway.node.signals import without_signals
from tta_gateway.support.file_stamp import FileStamp, stamp_of
from tta_gateway.support.log import EventLog

EACH: Final = 0.9  # seconds from the beginning of one round to that of the next
HURRIED: Final = 0.1  # likewise, while something has to be still for a while
PATIENCE: Final = 2.0  # seconds for one look
Look = Callable[[Path], FileStamp | None]


class _Round(threading.Thread):
    """Looks at some files, once: at one of them, since then; at none when it has ended."""

    def __init__(
        self,
        files: Sequence[Path],
        look: Look,
        *,
        stamps: dict[Path, FileStamp | None],
        clock: Callable[[], float],
    ) -> None:
        """Write what is seen among the stamps."""
        super().__init__(name="looking", daemon=True)
        self._files = files
        self._look = look
        self._stamps = stamps
        self._clock = clock
        self.since = clock()
        self.at: Path | None = files[0]
        self.left_behind = False

    def run(self) -> None:
        """Look at them, one after the other."""
        for file in self._files:
            if self.left_behind:
                break
            self.since, self.at = self._clock(), file
            self._stamps[file] = self._look(file)
        self.at = None


class Looking:
    """Knows how files were when they were looked at last."""

    def __init__(self, *, clock: Callable[[], float], log: EventLog, look: Look = stamp_of) -> None:
        """Look at nothing yet; `clock` is monotonic, in seconds."""
        self._clock = clock
        self._log = log
        self._look = look
        self._files: list[Path] = []
        self._stamps: dict[Path, FileStamp | None] = {}
        self._round: _Round | None = None
        self._begun = float("-inf")
        self._hanging: list[_Round] = []

    def watch(self, files: Iterable[Path]) -> None:
        """Look at these from now on, and at no others."""
        self._files = list(dict.fromkeys(files))
        for gone in [one for one in self._stamps if one not in self._files]:
            del self._stamps[gone]

    def stamp(self, file: Path) -> FileStamp | None:
        """Return how a file was; None if there was none, or if it has not been looked at yet."""
        return self._stamps.get(file)

    @property
    def is_under_way(self) -> bool:
        """Tell whether something will be known soon."""
        return self._round is not None

    def tick(self, *, hurry: bool) -> None:
        """Begin a round if it is time; leave one behind that hangs."""
        now = self._clock()
        self._hanging = [one for one in self._hanging if one.at is not None]
        self._end_round(now)
        if self._round is None and now - self._begun >= (HURRIED if hurry else EACH):
            self._begin(now)

    def _end_round(self, now: float) -> None:
        going = self._round
        if going is None:
            return
        file = going.at
        if file is None:
            self._round = None
        elif now - going.since > PATIENCE:
            going.left_behind = True
            self._hanging.append(going)
            self._round = None
            self._log.event("file_hangs", file=str(file))

    def _begin(self, now: float) -> None:
        hanging = {one.at for one in self._hanging}
        files = [one for one in self._files if one not in hanging]
        if not files:
            return
        self._begun = now
        made = _Round(files, self._look, stamps=self._stamps, clock=self._clock)
        try:
            with without_signals():
                made.start()
        except RuntimeError:  # no thread is to be had: the next time
            return
        self._round = made

    def wait(self, patience: float) -> None:
        """Wait until the round that is under way has ended, but not for long."""
        if self._round is not None:
            self._round.join(patience)
