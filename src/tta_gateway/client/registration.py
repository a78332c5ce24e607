"""Registering: a service tells the gateway where it is, for as long as it is there.

    async with register("players", url="http://10.0.0.7:9001", gateway=GATEWAY, token=TOKEN):
        await serve()

Entering begins to register and waits for nothing: a service starts whether there is a gateway or
not.  It is renewed three times in a lease, each time a little earlier or later, so that a thousand
services do not all speak at once; while the gateway is away it tries on, after pauses that grow.
Leaving has the gateway send nothing new, waits until what is under way has ended, or `grace` is
over, and only then returns: the service may end.
"""

import asyncio
import contextlib
import logging
import random
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final
from urllib.parse import quote

from tta_gateway.client.link import Answer, Link, Tls, Unreachable

_log = logging.getLogger("tta_gateway.client")
_FIRST_PAUSE: Final = 0.25  # seconds
_LOOK: Final = 0.2  # seconds between two questions whether all is over
_PATIENCE: Final = 5.0  # seconds for an answer
_ACCEPTED: Final = (200, 202, 204)
_OURS: Final = range(400, 500)  # statuses that say that a registration is wrong


class Refused(Exception):
    """The gateway does not take the registration: `code` says why, the text what to do."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        """Keep what it has said."""
        super().__init__(f"{code}: {detail}" if code else f"status {status}")
        self.status = status
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Route:
    """A route that is there as long as the service is; no methods: all of them.

    `auth` says whom it lets in: "required" who shows an access token that the gateway believes,
    "optional" also who shows none, "none" everybody; the last two the token must be allowed.
    """

    path: str
    methods: tuple[str, ...] = ()
    auth: str = "required"


def register(  # noqa: PLR0913 - what there is to say, each by its name
    service: str,
    *,
    url: str,
    gateway: str,
    token: str | None = None,
    instance: str | None = None,
    weight: int = 1,
    lease: float = 15.0,
    routes: Iterable[Route] = (),
    subscriptions: Mapping[str, str] | None = None,
    grace: float = 30.0,
    tls: Tls = None,
) -> "Registration":
    """Return a registration, which begins with `async with`.

    `url` is where the gateway reaches this instance; `gateway` its internal listener, `http://…`,
    `https://…` or `unix:` and a path.  It knows whose this is by `token`, or without one by the
    certificate of `tls`: an `ssl.SSLContext`, or `Credentials`.  `instance` is a name of its own,
    made up if there is none.  It is gone `lease` seconds (5 to 300) after its last sign of life.
    `subscriptions` are events that it is told of, at which paths: `{"safety.*": "/events/crisis"}`,
    if its token may.  `grace` is how many seconds leaving may take.
    """
    document: dict[str, object] = {
        "url": url,
        "weight": weight,
        "lease": lease,
        "routes": _written(routes),
    }
    if subscriptions:  # a gateway of before would refuse the word
        document["subscriptions"] = dict(subscriptions)
    name = instance or uuid.uuid4().hex
    target = f"/internal/v1/services/{quote(service, safe='')}/instances/{quote(name, safe='')}"
    link = Link(gateway, tls=tls, patience=_PATIENCE)
    if token is None and (tls is None or not link.is_encrypted):
        raise ValueError(
            "who registers shows a `token`, or a certificate: `gateway='https://…'` and "
            "`tls=Credentials('players.pem', 'players.key', ca='ca.pem')`"
        )
    return Registration(link, target, token=token, document=document, grace=grace)


def _written(routes: Iterable[Route]) -> list[dict[str, object]]:
    return [{"path": one.path, "methods": list(one.methods), "auth": one.auth} for one in routes]


class Registration:
    """One instance of a service, registered while the block lasts."""

    def __init__(
        self,
        link: Link,
        target: str,
        *,
        token: str | None,
        document: dict[str, object],
        grace: float,
    ) -> None:
        """Keep what there is to say; nothing is said yet."""
        self._link = link
        self._target = target
        self._token = token
        self._document = document
        self._grace = grace
        self._beat: asyncio.Task[None] | None = None
        self._first = asyncio.Event()
        self._leaving = asyncio.Event()
        self._is_known = False  # whether the gateway has ever taken it
        self.is_registered = False
        """Whether the gateway took the last sign of life."""
        self.error: Exception | None = None
        """Why not, if it did not: `Refused`, or that it cannot be reached."""

    async def __aenter__(self) -> "Registration":
        """Begin to register."""
        # This object keeps the task alive, and what it may raise is dealt with inside.
        self._beat = asyncio.get_running_loop().create_task(self._keep(), name="registration")
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Leave, and wait until the gateway sends nothing more."""
        assert self._beat is not None  # it has been entered
        # What is under way is not cut off: it could be carried out behind the word that we leave.
        self._leaving.set()
        _, late = await asyncio.wait([self._beat], timeout=self._grace)
        for beat in late:
            beat.cancel()
        await self.leave()

    async def registered(self) -> None:
        """Wait until the gateway has taken the registration, or refuses it: then Refused."""
        await self._first.wait()
        if isinstance(self.error, Refused):
            raise self.error

    async def leave(self) -> None:
        """Have nothing sent here any more; return when nothing is under way, or grace is over."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._grace
        self.is_registered = False
        target = f"{self._target}?grace={self._grace:g}"
        over = await self._has_left(target)
        while not over and loop.time() < end:
            await asyncio.sleep(_LOOK)
            over = await self._has_left(target)

    async def _has_left(self, target: str) -> bool:
        """Ask whether all is over; whoever refuses or cannot be reached will not say."""
        try:
            answer = await self._link.ask("DELETE", target, token=self._token)
        except Unreachable as error:
            _log.info("the gateway cannot be reached to leave: %s", error)
            return not self._is_known
        return answer.status == 204 or answer.status in _OURS

    async def _keep(self) -> None:
        failures = 0
        while not self._leaving.is_set():
            try:
                answer = await self._link.ask(
                    "PUT", self._target, token=self._token, document=self._document
                )
                pause = self._taken(answer)
                failures = 0
            except (Unreachable, Refused) as error:
                failures += 1
                pause = self._failed(error, failures)
            await self._rest(pause * (0.8 + 0.2 * random.random()))  # noqa: S311 - no secret

    async def _rest(self, seconds: float) -> None:
        """Wait so long, or until it is time to leave."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._leaving.wait()

    def _taken(self, answer: Answer) -> float:
        """Take an answer; return after how many seconds to renew."""
        said = answer.document()
        if answer.status not in _ACCEPTED:
            code, detail = str(said.get("code", "")), str(said.get("detail", ""))
            if answer.status in _OURS:
                raise Refused(answer.status, code, detail)
            raise Unreachable(f"{answer.status} {code}")
        if not self.is_registered:
            _log.info("registered at the gateway")
        self.is_registered, self._is_known, self.error = True, True, None
        self._first.set()
        renew = said.get("renew_after")
        return float(renew) if isinstance(renew, int | float) else self._third

    @property
    def _third(self) -> float:
        lease = self._document["lease"]
        assert isinstance(lease, int | float)  # see register
        return lease / 3

    def _failed(self, error: Exception, failures: int) -> float:
        """Take note that it is not registered; return after how many seconds to try again."""
        if self.is_registered or str(error) != str(self.error):
            _log.warning("not registered at the gateway: %s", error)
        self.is_registered, self.error = False, error
        if isinstance(error, Refused):
            self._first.set()  # it will not change soon; whoever waits shall know
            return self._third
        return min(self._third, _FIRST_PAUSE * 2.0 ** min(failures - 1, 8))
