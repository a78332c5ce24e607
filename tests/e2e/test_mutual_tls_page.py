"""docs/mutual_tls.md leads from an authority to a service that calls another: as it is written."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.helpers.gateway import free_port, start_gateway
from tests.helpers.programs import curl, daemon
from tests.helpers.services_by_certificate import nginx_around

pytestmark = pytest.mark.e2e
PAGE: Final = Path(__file__).parents[2] / "docs" / "mutual_tls.md"


def blocks(kind: str) -> list[str]:
    """The pieces of the page that are of this kind."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_page_leads_from_an_authority_to_a_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ports = {one: str(free_port()) for one in ("8080", "8083", "9443")}

    def placed(text: str) -> str:
        for port, other in ports.items():
            text = text.replace(port, other)
        return text

    commands, call = blocks("sh")
    for line in commands.splitlines():
        words = shlex.split(line)
        assert words[0] == "tta-gateway"
        subprocess.run([sys.executable, "-m", "tta_gateway", *words[1:]], check=True, timeout=60)
    (served,) = blocks("nginx")
    server = placed(served).replace("pki/", f"{tmp_path}/pki/")
    (tmp_path / "config").write_text(nginx_around(tmp_path, server))
    written, *_ = blocks("yaml")
    config = {**yaml.safe_load(placed(written)), "state_dir": str(tmp_path / "state")}
    nginx = ["nginx", "-p", str(tmp_path), "-c", str(tmp_path / "config")]
    with daemon(nginx, port=int(ports["9443"]), log=tmp_path / "log"):
        gateway = start_gateway(config, tmp_path)
        try:
            words = shlex.split(placed(call).replace("\\\n", ""), comments=True)
            assert words[0] == "curl"
            answer = curl(*words[1:]).stdout
        finally:
            gateway.stop()
    said = call.splitlines()[-1].removeprefix("# ")
    assert answer.endswith(f"{said}\n"), answer
    assert ((tmp_path / "pki" / "ca.key").stat().st_mode & 0o777) == 0o600
