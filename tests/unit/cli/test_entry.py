"""The command itself."""

import os
import subprocess
import sys

from tests.helpers.command_line import run
from tta_gateway import __version__
from tta_gateway.support.build import form


def test_the_version_is_said() -> None:
    assert run("--version").output == f"tta-gateway {__version__}, {form()}\n"


def test_the_command_line_itself_is_light() -> None:
    program = (
        "import sys, tta_gateway.cli.entry; print({'pydantic', 'yaml', 'msgspec'} & {*sys.modules})"
    )
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # the copy that is tested
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=here
    )
    assert done.stdout == "set()\n"
