"""How the command line asks the administration; the rest is in tests/e2e."""

from pathlib import Path

import pytest

from tests.helpers.gateway import free_port
from tta_gateway.node.admin_client import asked, told
from tta_gateway.snapshot.model import Listener


def test_without_a_token_nobody_can_be_asked(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"admin\.token"):
        told(Listener(host="127.0.0.1", port=1), tmp_path, "/")


def test_where_nobody_listens_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "admin.token").write_text("secret\n")
    with pytest.raises(OSError, match="refused"):
        told(Listener(host="127.0.0.1", port=free_port()), tmp_path, "/")
    with pytest.raises(OSError, match="No such file"):
        told(Listener(unix=str(tmp_path / "sock")), tmp_path, "/")


def test_what_is_to_be_done_needs_a_token_too(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"admin\.token"):
        asked(Listener(host="127.0.0.1", port=1), tmp_path, "POST", "/admin/v1/users", {})
