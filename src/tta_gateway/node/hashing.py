"""Hashing in processes of their own, which give way to all others (node/hashing_main.py).

Where other work leaves no core for long, such a process would never come to an end.  So what is not
done within a second is done once more by one that runs seldom, but runs: then logins are slow, and
no more of them are taken in than that one can do (features/identity/waiting_room.py).  What no
process can do, because it has died or cannot be started, a thread does.
"""

import asyncio
import os
import socket
import subprocess
from collections.abc import Callable
from functools import partial
from typing import Final

from tta_gateway.features.identity.hashing import Threads
from tta_gateway.node.child import PYTHON
from tta_gateway.node.hashing_main import LARGEST, RIGHT, answer, task_of
from tta_gateway.support.log import EventLog
from tta_gateway.support.tasks import Died, spawn

_MODULE: Final = "tta_gateway.node.hashing_main"
PATIENCE: Final = 1.0  # second


class _Process:
    """One of them: it does one thing at a time."""

    def __init__(self, manner: str) -> None:
        """Start it; OSError if that cannot be."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            words = [*PYTHON, _MODULE, str(theirs.fileno()), str(os.getpid()), manner]
            self._process = subprocess.Popen(words, pass_fds=[theirs.fileno()])  # noqa: S603 - ours
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        self._channel = ours
        self._then: Callable[[bytes], None] | None = None
        # Once for all tasks: to begin and end listening takes the system longer than an answer.
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(ours.fileno(), self._hear)

    def ask(self, task: bytes, then: Callable[[bytes], None]) -> None:
        """Have it do something; `then` hears its answer, or nothing (b"") if it has died.

        OSError if it had died before.
        """
        self._channel.send(task)
        self._then = then

    async def asked(self, task: bytes) -> bytes:
        """Return its answer; OSError if it has died."""
        said: asyncio.Future[bytes] = self._loop.create_future()
        self.ask(task, partial(_tell, said))
        return await said or _died()

    def _hear(self) -> None:
        try:
            said = self._channel.recv(LARGEST)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:
            self._loop.remove_reader(self._channel.fileno())
        then, self._then = self._then, None
        if then is not None:
            then(said)

    def end(self) -> None:
        """End it, whatever it is doing."""
        if not self._loop.is_closed():
            self._loop.remove_reader(self._channel.fileno())
        self._channel.close()
        self._process.kill()
        self._process.wait()


def _died() -> bytes:
    raise ConnectionResetError


class Hashers:
    """`at_once` processes, and one for what they do not come to."""

    def __init__(self, at_once: int, *, log: EventLog, died: Died) -> None:
        """Start each when it is needed first."""
        self.at_once = at_once
        self._log = log
        self._died = died
        self._idle: list[_Process] = []
        self._under_way = 0
        self._lost = False
        self._steady: _Process | None = None
        self._in_turn = asyncio.Lock()
        self._threads = Threads()

    async def hashed(self, text: bytes) -> str:
        """Return a new hash."""
        return (await self._done("", text)).decode()

    async def is_right(self, known: str, text: bytes) -> bool:
        """Tell whether it is the password of that hash, which may be none."""
        return await self._done(known or "none", text) == RIGHT

    def close(self) -> None:
        """Take no more."""
        self._threads.close()
        for one in (*self._idle, *([self._steady] if self._steady else [])):
            one.end()
        self._idle.clear()
        self._steady = None

    async def _done(self, known: str, text: bytes) -> bytes:
        task = task_of(known, text)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bytes] = loop.create_future()
        if self._under_way >= self.at_once:
            self._go_on_steadily(task, done)
            return await done
        late = loop.call_later(PATIENCE, self._go_on_steadily, task, done)
        try:
            self._begin(task, done)
            return await done
        finally:
            late.cancel()

    def _begin(self, task: bytes, done: "asyncio.Future[bytes]") -> None:
        """Have it done by one that gives way, however long that takes."""
        self._under_way += 1
        one = None
        try:
            one = self._idle.pop() if self._idle else _Process("idle")
            one.ask(task, partial(self._end, one, task, done))
        except OSError as error:
            self._do_instead(one, error, task, done)

    def _end(self, one: _Process, task: bytes, done: "asyncio.Future[bytes]", said: bytes) -> None:
        """Take the answer of one that gives way; it may have died instead."""
        if not said:
            self._do_instead(one, ConnectionResetError(), task, done)
            return
        self._under_way -= 1
        self._idle.append(one)
        self._lost = False
        _tell(done, said)

    def _do_instead(
        self, one: _Process | None, error: OSError, task: bytes, done: "asyncio.Future[bytes]"
    ) -> None:
        """Have it done here, in the place of a process that there is not."""
        self._lose(one, error)

        async def here() -> None:
            try:
                await self._here(task, done)
            finally:
                self._under_way -= 1

        spawn(here(), name="hashing", died=self._died)

    def _go_on_steadily(self, task: bytes, done: "asyncio.Future[bytes]") -> None:
        if not done.done():
            spawn(self._steadily(task, done), name="hashing", died=self._died)

    async def _steadily(self, task: bytes, done: "asyncio.Future[bytes]") -> None:
        """Have it done by the one that runs, in its turn."""
        async with self._in_turn:
            if done.done():
                return
            try:
                self._steady = self._steady or _Process("low")
                _tell(done, await self._steady.asked(task))
            except OSError as error:
                one, self._steady = self._steady, None
                self._lose(one, error)
                await self._here(task, done)

    async def _here(self, task: bytes, done: "asyncio.Future[bytes]") -> None:
        """Have it done by a thread of this process."""
        try:
            _tell(done, await self._threads.done(lambda: answer(task)))
        except Exception as error:  # noqa: BLE001 - whoever waits for it hears of it
            if not done.done():
                done.set_exception(error)

    def _lose(self, one: _Process | None, error: OSError) -> None:
        """Let one go that has died, or could not be started; said once, until one works again."""
        if one is not None:
            one.end()
        if not self._lost:
            self._lost = True
            why = str(error) or "it has died"
            self._log.event("hashing_process_lost", why=why)


def _tell(done: "asyncio.Future[bytes]", said: bytes) -> None:
    """Tell who waits; another may have been faster."""
    if not done.done():
        done.set_result(said)
