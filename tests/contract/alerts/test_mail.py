"""Mail, taken by a real server: aiosmtpd, which is nobody's of ours."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.helpers.alerting import a_notice
from tests.helpers.certificates import Folder
from tests.helpers.mail_server import MailServer
from tta_gateway.features.alerts.bound import Mail
from tta_gateway.features.alerts.smtp_sink import SmtpSink
from tta_gateway.support.posting import NotTaken

NOW = 1_700_000_100.0
LOGIN = ("gateway", "a secret")


def sends(port: int, **more: object) -> None:
    """Send a notice by the server at a port."""
    fields: dict[str, object] = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "gw@example.org",
        "to": ["night@example.org", "day@example.org"],
        **more,
    }
    bound = msgspec.convert(fields, type=Mail)
    sink = SmtpSink(bound, node="edge-1", link="", wall=lambda: NOW)
    asyncio.run(sink.send([a_notice(cause="größer als 5 s\n.\n")]))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def served(folder: Folder, *, days: float = 30) -> ssl.SSLContext:
    made = folder.issue("127.0.0.1", days=days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made["certificate"], made["key"])
    return context


def test_a_message_gets_there() -> None:
    with MailServer() as server:
        sends(server.port)
    (mailed,) = server.post.mailed
    assert mailed.sender == "gw@example.org"
    assert mailed.to == ["night@example.org", "day@example.org"]
    assert not mailed.encrypted
    assert mailed.message["subject"].strip().startswith("[tta-gateway edge-1] 1 firing: players")
    assert "  cause: größer als 5 s . " in mailed.message.get_content().splitlines()


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_it_logs_in_where_nobody_listens(folder: Folder, security: str) -> None:
    ways: dict[str, Callable[[ssl.SSLContext], MailServer]] = {
        "starttls": lambda context: MailServer(starttls=context, login=LOGIN),
        "tls": lambda context: MailServer(tls=context, login=LOGIN),
    }
    with ways[security](served(folder)) as server:
        ca = folder.ca.read_text()
        sends(server.port, security=security, ca=ca, user=LOGIN[0], password=LOGIN[1])
    (mailed,) = server.post.mailed
    assert (mailed.encrypted, mailed.user) == (True, LOGIN[0])


def test_a_wrong_password_is_a_failure_in_words(folder: Folder) -> None:
    with MailServer(starttls=served(folder), login=LOGIN) as server:
        ca = folder.ca.read_text()
        with pytest.raises(NotTaken, match="refuses `user` or `password`"):
            sends(server.port, security="starttls", ca=ca, user="gateway", password="wrong")
    assert server.post.mailed == []


def test_a_server_without_starttls_gets_no_mail() -> None:
    with MailServer() as server, pytest.raises(NotTaken, match="STARTTLS"):
        sends(server.port, security="starttls")
    assert server.post.mailed == []


def test_a_certificate_that_is_not_good_gets_no_mail(folder: Folder) -> None:
    bad = pytest.raises(NotTaken, match="its certificate is not good")
    with MailServer(starttls=served(folder, days=-1)) as server, bad:
        sends(server.port, security="starttls", ca=folder.ca.read_text())
    assert server.post.mailed == []


def test_what_the_server_refuses_is_told_by_its_code() -> None:
    with MailServer() as server:
        server.post.refuses = "554 we do not like it"
        with pytest.raises(NotTaken, match=r"it answers 554$"):
            sends(server.port)


def test_nobody_there_is_a_failure_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotTaken, match="it cannot be reached: "):
        sends(port)
