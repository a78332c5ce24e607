"""The build: the modules of the request path become C extensions, made by mypyc from their source.

The same files run as plain Python too: as they stand in `src`, and wherever no C compiler or none
of Python's headers is found; then a request costs about twice as much (docs/decisions/0005).
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

from setuptools import Extension, setup

SOURCE: Final = Path("src/tta_gateway")
STOREYS: Final = ("kernel", "wire", "routing", "pipeline", "upstream", "edge", "support")
RIBS: Final = (
    *(
        "policy.py",
        "algorithm.py",
        "adaptive.py",
        "pressure.py",
        "rooms.py",
        "session.py",
        "typical.py",
    ),
    *("mix.py", "backlog.py", "channel.py", "codec.py", "fanout.py", "fossil.py"),
    *("json_codec.py", "kinds.py", "protobuf_codec.py", "protobuf_wire.py"),
    *("book.py", "floor.py", "source.py", "ward.py"),
    *("tally.py", "whose.py"),
    *("care.py", "paths.py"),
    *(
        "answers.py",
        "body.py",
        "decoding.py",
        "harmless.py",
        "heard.py",
        "leaves.py",
        "looking.py",
        "said.py",
    ),
    *("parts.py", "running.py", "withholding.py"),
    *("judging.py", "listener.py", "members.py", "people.py", "reply.py", "unrecorded.py"),
    *("automaton.py", "contents.py", "detector.py", "finding.py", "lexicon.py", "lookalikes.py"),
    *("model.py", "normal.py", "meaning.py", "rule.py", "secrets.py", "markup.py", "spelling.py"),
)
"""of features: what a worker runs"""
# mypyc knows neither the classes that msgspec makes nor pydantic's: such modules stay as they are.
# Nor async generators, of which what asks a database is made; only control does.
MADE_ELSEWHERE: Final = ("msgspec.Struct", "from pydantic", "sqlalchemy")
# To warn of that, gcc reads its file from the start again and again: three quarters of its time.
UNINDENTED: Final = "-Wno-misleading-indentation"
# With ten thousand functions in one section the assembler takes ten times as long: for the lengths
# of jumps.
APART: Final = "-ffunction-sections"


def compiled() -> list[str]:
    """Return the modules of the path that mypyc can take, as paths from here."""
    storeys = [path for name in STOREYS for path in (SOURCE / name).rglob("*.py")]
    ribs = [path for name in RIBS for path in (SOURCE / "features").rglob(name)]
    return sorted(str(path) for path in storeys + ribs if _is_plain(path))


def _is_plain(path: Path) -> bool:
    text = path.read_text()
    return path.name != "__init__.py" and not any(name in text for name in MADE_ELSEWHERE)


def missing() -> str | None:
    """Return what compiling needs and does not find, or None: tried on a file of one line."""
    if (
        "CC" not in os.environ
        and shutil.which(str(sysconfig.get_config_var("CC")).split()[0]) is None
    ):
        os.environ["CC"] = "cc"  # not the one that Python was built with
    compiler = os.environ.get("CC") or str(sysconfig.get_config_var("CC"))
    include = f"-I{sysconfig.get_path('include')}"
    command = [*compiler.split(), "-fsyntax-only", include, "-xc", "-"]
    try:
        done = subprocess.run(  # noqa: S603 - the compiler
            command, input="#include <Python.h>\n", capture_output=True, text=True, check=False
        )
    except OSError as error:
        return f"{compiler}: {error.strerror}"
    return done.stderr.partition("\n")[0] if done.returncode else None


def extensions() -> list[Extension]:
    """Return what to compile; nothing, with a word about it, where that is not possible."""
    lacking = missing()
    if lacking is not None:
        print(f"the path stays interpreted: {lacking}", file=sys.stderr)  # noqa: T201 - it says so
        return []
    from mypyc.build import mypycify

    made = list(mypycify(compiled(), opt_level="3", debug_level="1"))
    for one in made:
        one.extra_compile_args += [UNINDENTED, APART]
    return made


if __name__ == "__main__":
    setup(ext_modules=extensions())
