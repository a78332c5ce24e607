"""Reaching people: what is written of a server, and a file that has changed since."""

from pathlib import Path

import pytest

from tta_gateway.kernel.errors import ConfigError
from tta_gateway.settings.reaching import MailboxConfig, authorities, port_of, value


def mailbox(**more: object) -> MailboxConfig:
    return MailboxConfig.model_validate({"host": "h", "sender": "a@b", "to": ("c@d",), **more})


def test_the_port_is_the_usual_one_unless_another_is_written() -> None:
    ports = [port_of(mailbox(security=one)) for one in ("starttls", "tls", "none")]
    assert ports == [587, 465, 25]
    assert port_of(mailbox(port=2525)) == 2525


def test_authorities_that_have_changed_since_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has changed since"):
        authorities(str(tmp_path / "gone.pem"))
    assert authorities(None) == ""
    assert value(None) == ""
