"""A mail server for tests: aiosmtpd's, in a thread with a loop of its own."""

import asyncio
import ssl
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True, slots=True)
class Mailed:
    """A message that has come, from whom and to whom, and whether its way was encrypted."""

    sender: str
    to: list[str]
    message: EmailMessage
    encrypted: bool
    user: str = ""


@dataclass
class Post:
    """Takes what is sent; `refuses` is answered instead."""

    mailed: list[Mailed] = field(default_factory=list)
    refuses: str = ""

    async def handle_DATA(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep a message."""
        if self.refuses:
            return self.refuses
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert server.transport is not None
        login: object = session.auth_data
        user = login.login.decode() if isinstance(login, LoginPassword) else ""
        self.mailed.append(
            Mailed(
                envelope.mail_from or "",
                list(envelope.rcpt_tos),
                message,
                server.transport.get_extra_info("ssl_object") is not None,
                user,
            )
        )
        return "250 OK"


class MailServer:
    """The server; `starttls` and `tls` encrypt, and `login` is who may send, if not everybody."""

    def __init__(
        self,
        *,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
        login: tuple[str, str] | None = None,
    ) -> None:
        self.post = Post()
        self.port = 0
        self._starttls = starttls
        self._tls = tls
        self._login = login
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._run)
        self._ready = threading.Event()

    def _knows(self, *given: Any) -> AuthResult:  # noqa: ANN401 - the library's
        data = given[-1]
        login = (data.login.decode(), data.password.decode())
        return AuthResult(success=login == self._login, handled=False, auth_data=data)

    def _protocol(self) -> SMTP:
        return SMTP(
            self.post,
            hostname="mail.test",
            ident="mail.test",
            tls_context=self._starttls,
            require_starttls=self._starttls is not None,
            # It warns where it takes TLS on the socket for none; whoever logs in is told of anyway.
            auth_required=self._login is not None and self._tls is None,
            auth_require_tls=self._tls is None,
            authenticator=self._knows,
            loop=self._loop,
        )

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.run_forever()
        assert self._server is not None
        self._server.close()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _serve(self) -> None:
        self._server = await self._loop.create_server(self._protocol, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self._ready.set()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __enter__(self) -> "MailServer":
        self._thread.start()
        assert self._ready.wait(5.0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
