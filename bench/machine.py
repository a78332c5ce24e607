"""Where and with what a benchmark ran: machine, commit, command, the build of Python."""

import os
import platform
import shlex
import sys
import sysconfig
import time
from pathlib import Path
from typing import Final

import process
from process import BenchError
from products import BENCH, Product, version_of

from tta_gateway.support.build import form

DEBIAN_PYTHON: Final = Path("/usr/bin/python3.11")


def description(folder: Path) -> list[tuple[str, str]]:
    """Return what a reader must know to run it again, as pairs."""
    return [
        ("date", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())),
        ("machine", f"{_cpu_model()}, {os.cpu_count()} cores"),
        ("kernel", f"{platform.system()} {platform.release()}"),
        ("commit", _commit()),
        ("command", shlex.join(["python", f"bench/{Path(sys.argv[0]).name}", *sys.argv[1:]])),
        ("Python", _python()),
        ("the gateway's path", form()),
        ("logs and state on", _file_system(folder)),
    ]


def versions(products: tuple[Product, ...], *, load: bool = True) -> list[tuple[str, str]]:
    """Return the version of each different program, as it tells it itself."""
    found: dict[str, str] = {}
    for product in products:
        name = product.title.partition(",")[0]
        if name not in found:
            found[name] = _version_or_reason(product)
    if load:
        found["wrk"] = process.output_of([process.find_program("wrk"), "-v"]).split()[1]
    return list(found.items())


def _version_or_reason(product: Product) -> str:
    try:
        return version_of(product)
    except BenchError as error:
        return str(error)


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    git = [process.find_program("git"), "-C", str(BENCH)]
    name = process.output_of([*git, "rev-parse", "--short=12", "--verify", "--quiet", "HEAD"])
    changed = process.output_of([*git, "status", "--porcelain", "--", ":/src"])
    return (name.strip() or "none yet") + (" with changes in src" if changed.strip() else "")


def _python() -> str:
    name = f"{platform.python_implementation()} {platform.python_version()}"
    if Path(sys.executable).resolve() == DEBIAN_PYTHON.resolve():
        # Debian makes it with profile-guided optimisation, though its configure line does not say.
        return f"{name}, Debian's PGO build (python3.11)"
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    build = "a PGO build" if optimised else "no PGO build"
    missing = "" if DEBIAN_PYTHON.exists() else " (which is not installed)"
    return f"{name}, {build}, NOT Debian's python3.11{missing}"


def _file_system(folder: Path) -> str:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    around = [mount for mount in mounts if folder.resolve().is_relative_to(mount[1])]
    return max(around, key=lambda mount: len(mount[1]))[2]
