from scripts import lock

PYPROJECT = """
[project]
dependencies = ["PyYAML>=6"]
[project.optional-dependencies]
postgres = ["driver>=1"]
demo = ["uvicorn[standard]>=1"]
[dependency-groups]
tools = ["pip"]
test = ["pytest"]
bench = ["peer"]
lock = ["uv"]
"""
NEEDS = {
    "--group=tools": ["pip"],
    "pyproject.toml": ["pyyaml"],
    "--extra=postgres": ["driver"],
    "--extra=demo": ["uvicorn", "h11"],
    "--group=test": ["pytest", "h11"],
    "--group=bench": ["peer", "pyyaml"],
    "--group=lock": ["uv"],
}
PAGE = "".join(
    f"| {name} | 1 | why | MIT |\n" for name in ("PyYAML", "uvicorn", "pip", "pytest", "driver")
)


def resolve(flags: list[str]) -> str:
    names = sorted({name for flag in flags for name in NEEDS[flag]})
    return "".join(
        f"{name}==1 ; sys_platform == 'linux' \\\n    --hash=sha256:{name}\n" for name in names
    )


def test_a_package_stands_in_the_first_section_that_needs_it() -> None:
    text = lock.cut(PYPROJECT, resolve)
    sections = [line for line in text.splitlines() if line.startswith("# ==") or "==1" in line]
    assert [line.split("==1")[0].removeprefix("# == ") for line in sections] == [
        *("tools", "pip", "run", "pyyaml", "postgres", "driver", "demo", "h11", "uvicorn"),
        *("test", "pytest", "bench", "peer", "lock", "uv"),
    ]


def test_a_package_of_which_one_python_needs_another_version_stands_in_both() -> None:
    def forked(flags: list[str]) -> str:
        found = resolve(flags)
        old = "pytest==0 ; python_full_version < '3.12' \\\n    --hash=sha256:old\n"
        return found.replace("pytest==1 ;", old + "pytest==1 ;")

    shown = lock.show(lock.cut(PYPROJECT, forked), "test")
    assert "pytest==0 ;" in shown
    assert "pytest==1 ;" in shown


def test_a_section_is_shown_with_those_it_stands_on() -> None:
    shown = lock.show(lock.cut(PYPROJECT, resolve), "demo")
    assert list(lock.versions(shown)) == ["pip", "pyyaml", "driver", "h11", "uvicorn"]


def test_tests_are_installed_without_the_peers() -> None:
    shown = lock.show(lock.cut(PYPROJECT, resolve), "test")
    assert "peer" not in lock.versions(shown)


def test_every_package_is_shown_with_its_hashes() -> None:
    shown = lock.show(lock.cut(PYPROJECT, resolve), "bench")
    assert shown.count("--hash=") == len(lock.versions(shown)) == 7


def test_a_lock_that_fits_has_no_complaints() -> None:
    page = PAGE + "| peer | 1 | why | MIT |\n| uv | 1 | why | MIT |\n"
    assert lock.complaints(PYPROJECT, lock=lock.cut(PYPROJECT, resolve), page=page) == []


def test_a_new_wish_makes_the_lock_out_of_date() -> None:
    text = lock.cut(PYPROJECT, resolve)
    changed = PYPROJECT.replace('["pytest"]', '["pytest", "h11"]')
    found = lock.complaints(changed, lock=text, page=PAGE)
    assert "requirements.lock: out of date: run `make lock`" in found


def test_a_page_with_another_version_or_none_is_complained_of() -> None:
    page = PAGE.replace("| pip | 1 |", "| pip | 0.9 |") + "| uv | 1 | why | MIT |\n"
    assert lock.complaints(PYPROJECT, lock=lock.cut(PYPROJECT, resolve), page=page) == [
        "docs/dependencies.md: peer is 1 in the lock",
        "docs/dependencies.md: pip is 1 in the lock",
    ]


def test_a_page_that_names_a_package_twice_is_complained_of() -> None:
    page = PAGE + "| peer | 1 | why | MIT |\n| uv | 1 | why | MIT |\n| pyyaml | 1 | why | MIT |\n"
    assert lock.complaints(PYPROJECT, lock=lock.cut(PYPROJECT, resolve), page=page) == [
        "docs/dependencies.md: pyyaml stands there twice: keep one line",
    ]
