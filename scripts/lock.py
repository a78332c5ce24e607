"""The lock: every package that is ever installed here, with its hashes, in one file of sections.

    python scripts/lock.py show test     what `test` installs, for pip -r
    python scripts/lock.py check         the lock and docs/dependencies.md fit pyproject.toml
    python scripts/lock.py update        resolve again, keeping the versions that still fit
    python scripts/lock.py upgrade       resolve again, taking the newest versions

A section is an extra or a group of pyproject.toml; a package stands in the first one that needs it.
pip knows no lock with sections, and separate files could disagree about a version: so everything is
resolved at once and cut up here.
"""

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

ROOT: Final = Path(__file__).resolve().parent.parent
CHAIN: Final = ("tools", "run", "postgres", "demo", "test")  # each stands on those before it
LEAVES: Final = ("bench", "lock")  # each stands on the whole chain
FLAGS: Final = {
    "tools": ["--group=tools"],
    "run": ["pyproject.toml"],
    "postgres": ["pyproject.toml", "--extra=postgres"],
    "demo": ["pyproject.toml", "--extra=demo"],
    "test": ["--group=test"],
    "bench": ["--group=bench"],
    "lock": ["--group=lock"],
}
_HEADING: Final = re.compile(r"^# == (\w+)\n", re.MULTILINE)
_PACKAGE: Final = re.compile(r"^([a-z0-9._-]+)==([^\s;]+).*\n(?:[ \t].*\n)*", re.MULTILINE)
_ROW: Final = re.compile(r"^\| ([\w.-]+) \| ([^|]+) \|", re.MULTILINE)

Resolve: TypeAlias = Callable[[list[str]], str]


def parts(name: str) -> tuple[str, ...]:
    """The sections that `name` installs: itself, and those that it stands on."""
    return (*CHAIN, name) if name in LEAVES else CHAIN[: CHAIN.index(name) + 1]


def show(lock: str, name: str) -> str:
    """The requirements, with hashes, of everything that `name` installs."""
    pieces = _HEADING.split(lock)
    sections = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    return "".join(sections[part] for part in parts(name))


def wanted(pyproject: str) -> dict[str, list[str]]:
    """What pyproject.toml asks for, by section."""
    told = tomllib.loads(pyproject)
    extras = told["project"]["optional-dependencies"]
    return {"run": told["project"]["dependencies"], **extras, **told["dependency-groups"]}


def seal(pyproject: str) -> str:
    """The line of the lock that says for which wishes it was made."""
    wishes = json.dumps(wanted(pyproject), sort_keys=True)
    return f"# made for: {hashlib.sha256(wishes.encode()).hexdigest()}\n"


def versions(lock: str) -> dict[str, str]:
    """The version of each package in a lock."""
    return {package[1]: package[2] for package in _PACKAGE.finditer(lock)}


def complaints(pyproject: str, *, lock: str, page: str) -> list[str]:
    """What does not fit together, offline."""
    stale = [] if seal(pyproject) in lock else ["requirements.lock: out of date: run `make lock`"]
    rows = [(row[1].lower(), row[2].strip()) for row in _ROW.finditer(page)]
    listed = dict(rows)
    often = Counter(name for name, _ in rows)
    locked = versions(lock)
    wishes = {wish for section in wanted(pyproject).values() for wish in section}
    names = sorted({re.split(r"[^\w.-]", wish)[0].lower() for wish in wishes})
    astray = [
        f"docs/dependencies.md: {name} is {locked.get(name)} in the lock"
        for name in names
        if listed.get(name) != locked.get(name)
    ]
    twice = [
        f"docs/dependencies.md: {name} stands there twice: keep one line"
        for name in names
        if often[name] > 1
    ]
    return stale + astray + twice


def cut(pyproject: str, resolve: Resolve) -> str:
    """Resolve everything at once, and put each package into the first section that needs it."""
    whole = resolve([flag for flags in FLAGS.values() for flag in flags])
    left: dict[str, str] = {}
    for package in _PACKAGE.finditer(whole):  # one Python may need another version than the next
        left[package[1]] = left.get(package[1], "") + package[0]
    text = f"# Written by `make lock`, read by scripts/lock.py.\n{seal(pyproject)}"
    for name in FLAGS:
        needed = versions(resolve([flag for part in parts(name) for flag in FLAGS[part]]))
        section = "".join(left.pop(package) for package in sorted(needed) if package in left)
        text += f"\n# == {name}\n{section}"
        assert needed.keys() <= versions(show(text, name)).keys()  # else two leaves share a package
    assert not left  # the whole is the sum of its sections
    return text


def update(*, upgrade: bool) -> None:
    """Write the lock anew, and its versions into docs/dependencies.md."""
    lock, page = ROOT / "requirements.lock", ROOT / "docs/dependencies.md"
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "requirements.txt"

        def resolve(flags: list[str]) -> str:
            # uv keeps the versions that it finds in its output file.
            output.write_text(lock.read_text() if lock.exists() and not upgrade else "")
            subprocess.run([*_uv(), f"--output-file={output}", *flags], cwd=ROOT, check=True)
            return output.read_text()

        text = cut((ROOT / "pyproject.toml").read_text(), resolve)
    lock.write_text(text)
    locked = versions(text)
    cells = page.read_text()
    for row in _ROW.finditer(cells):
        version = locked.get(row[1].lower(), row[2])
        cells = cells.replace(row[0], f"| {row[1]} | {version} |")
    page.write_text(cells)


def _uv() -> list[str]:
    return [
        str(Path(sys.executable).with_name("uv")),
        *("pip", "compile", "--quiet"),
        *("--universal", "--python-version=3.11", "--only-binary=:all:"),
        *("--generate-hashes", "--no-header", "--no-annotate"),
    ]


def main(arguments: list[str]) -> int:
    """Do what the first argument says."""
    match arguments:
        case ["show", ("tools" | "run" | "postgres" | "demo" | "test" | "bench" | "lock") as name]:
            print(show((ROOT / "requirements.lock").read_text(), name), end="")
        case ["update" | "upgrade" as verb]:
            update(upgrade=verb == "upgrade")
        case ["check"]:
            texts = [ROOT / name for name in ("requirements.lock", "docs/dependencies.md")]
            lock, page = (path.read_text() for path in texts)
            found = complaints((ROOT / "pyproject.toml").read_text(), lock=lock, page=page)
            print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
            return 1 if found else 0
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
