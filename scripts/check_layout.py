"""The layout: every source file has its test, its docstring, and no function that is too long.

    python scripts/check_layout.py               mirrored tests, docstrings, lengths
    python scripts/check_layout.py --coverage    pure modules are covered whole, by their own tests

Pure modules are those that the import contract "Pure modules" names in pyproject.toml.  What cannot
be as it should stands in layout_exceptions.toml with its reason; an exception that is no longer
needed is a complaint too, so that the list shrinks.
"""

import ast
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeAlias

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = "src/tta_gateway"
MIRRORS: Final = {PACKAGE: "tests/unit", "scripts": "tests/scripts"}
LONGEST: Final = 40
EXCEPTIONS: Final = "scripts/layout_exceptions.toml"
_FUNCTION: Final = (ast.FunctionDef, ast.AsyncFunctionDef)

# A table of layout_exceptions.toml: where -> why.
Excused: TypeAlias = Mapping[str, str]
Complaints: TypeAlias = list[str]


def layout(root: Path, exceptions: Mapping[str, Excused]) -> Complaints:
    """Complain about tests that are missing, docstrings that are missing, functions too long."""
    files = sources(root)
    trees = {file: ast.parse((root / file).read_text()) for file in files}
    untested = {
        file: f"no test at {mirror(file)}"
        for file in files
        if does_something(trees[file]) and not _tested(root, file)
    }
    overlong = {
        f"{file}:{name}": f"longer than {LONGEST} lines"
        for file in files
        for name in long_functions(trees[file])
    }
    return [
        *(f"{folder}: no __init__.py" for folder in _no_packages(root)),
        *(f"{file}:1: not a docstring" for file in files if not starts_with_words(trees[file])),
        *judge(untested, exceptions["untested"]),
        *judge(overlong, exceptions["overlong"]),
        *_without_bench(root, exceptions["overlong"]),
    ]


def coverage(root: Path, exceptions: Mapping[str, Excused]) -> Complaints:
    """Complain about pure modules that their own test does not cover, line and branch.

    A first look at all of them in one process clears most; the others are measured one by one.
    """
    tested = [file for file in pure_modules(root) if _tested(root, file)]
    count = os.cpu_count() or 1
    with ThreadPoolExecutor(count) as pool:
        looks = pool.map(lambda part: gaps(root, part), _parts(root, tested, count))
        doubtful = sorted(file for look in looks for file, missed in look.items() if missed)
        alone = pool.map(lambda file: gaps(root, [file]), doubtful)
        found = {
            file: f"{mirror(file)} leaves out {missed}"
            for look in alone
            for file, missed in look.items()
            if missed
        }
    return judge(found, exceptions["uncovered"])


def judge(found: Mapping[str, str], excused: Excused) -> Complaints:
    """Complain about what is found and not excused, and about what is excused and not found."""
    return [
        *(f"{where}: {what}" for where, what in found.items() if where not in excused),
        *(f"{where}: no longer an exception" for where in excused if where not in found),
        *(f"{where}: an exception needs its reason" for where, why in excused.items() if not why),
    ]


def sources(root: Path) -> list[str]:
    """Every Python file that must have a test, as a path from the root."""
    found = (path for folder in MIRRORS for path in (root / folder).rglob("*.py"))
    return sorted(path.relative_to(root).as_posix() for path in found)


def mirror(file: str) -> str:
    """Where the test of a source file stands."""
    folder = next(folder for folder in MIRRORS if file.startswith(f"{folder}/"))
    path = Path(MIRRORS[folder]) / Path(file).relative_to(folder)
    return path.with_name(f"test_{path.name}").as_posix()


def does_something(tree: ast.Module) -> bool:
    """Whether there is a function to run; declarations alone (a port's too) need no test."""
    functions = (node for node in ast.walk(tree) if isinstance(node, _FUNCTION))
    return any(not _is_declaration(line) for node in functions for line in node.body)


def starts_with_words(tree: ast.Module) -> bool:
    """Whether the first line is (the beginning of) a docstring."""
    return ast.get_docstring(tree) is not None and tree.body[0].lineno == 1


def long_functions(tree: ast.AST, within: str = "") -> Iterator[str]:
    """The functions over the limit, by their qualified names."""
    for node in ast.iter_child_nodes(tree):
        name = within
        if isinstance(node, (*_FUNCTION, ast.ClassDef)):
            name = f"{within}.{node.name}".lstrip(".")
        if isinstance(node, _FUNCTION) and (node.end_lineno or 0) - node.lineno >= LONGEST:
            yield name
        yield from long_functions(node, name)


def pure_modules(root: Path) -> list[str]:
    """The files that the import contract of pure modules names, as paths from the root."""
    told = tomllib.loads((root / "pyproject.toml").read_text())
    contracts = told["tool"]["importlinter"]["contracts"]
    pure = next(each for each in contracts if each["name"].startswith("Pure modules"))
    patterns = [f"src/{name.replace('.', '/')}" for name in pure["source_modules"]]
    return [
        file
        for file in sources(root)
        if any(Path(file).match(f"{pattern}.py") or _inside(file, pattern) for pattern in patterns)
    ]


def gaps(root: Path, files: Sequence[str]) -> dict[str, str]:
    """What their own tests leave uncovered of these files: nothing is the empty string."""
    measure = Path(__file__).with_name("own_coverage.py")
    command = [sys.executable, str(measure), *(f"{file}={mirror(file)}" for file in files)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        return dict.fromkeys(files, (done.stdout + done.stderr).strip())
    return dict[str, str](json.loads(done.stdout))


def _parts(root: Path, files: list[str], count: int) -> list[list[str]]:
    """Share the files out, so that the tests are about as long on each side."""
    by_length = sorted(files, key=lambda file: -(root / mirror(file)).stat().st_size)
    parts = [by_length[first::count] for first in range(count)]
    return [part for part in parts if part]


def _is_declaration(line: ast.stmt) -> bool:
    """A docstring or `...`, all that a port's function holds."""
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def _tested(root: Path, file: str) -> bool:
    return (root / mirror(file)).exists()


def _inside(file: str, pattern: str) -> bool:
    return any(parent.match(pattern) for parent in Path(file).parents)


def _no_packages(root: Path) -> list[str]:
    folders = {path.parent for path in (root / PACKAGE).rglob("*.py")}
    empty = (folder for folder in folders if not (folder / "__init__.py").exists())
    return sorted(folder.relative_to(root).as_posix() for folder in empty)


def _without_bench(root: Path, overlong: Excused) -> Complaints:
    """Only speed excuses a long function, and speed is proved by a benchmark."""
    reasons = ((where, why.split(":")[0]) for where, why in overlong.items())
    return [
        f"{where}: its reason does not begin with a benchmark (bench/<name>.py: <what it shows>)"
        for where, bench in reasons
        if not (bench.startswith("bench/") and (root / bench).is_file())
    ]


def main(arguments: list[str]) -> int:
    """Print the complaints of one mode; 1 if there are any."""
    exceptions = tomllib.loads((ROOT / EXCEPTIONS).read_text())
    mode = coverage if arguments == ["--coverage"] else layout
    complaints = mode(ROOT, exceptions)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
