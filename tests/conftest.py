"""Tests with processes start the installed gateway: refuse one that is not the code in src."""

import gc
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from tests.helpers.installed import differences

_WITH_PROCESSES: Final = ("tests/e2e", "tests/faults")

# How many examples a property is given: few while one works, many in `make test`.
settings.register_profile("check", max_examples=20, deadline=None)
settings.register_profile("thorough", max_examples=200, deadline=None)
settings.load_profile("check")

# What is collected stays until the end: the collector need not look at thousands of tests again
# and again, neither while they become more nor afterwards (pytest_runtestloop).
gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say what to do where the installed gateway is an older one."""
    root = session.config.rootpath
    folders = [root / name for name in _WITH_PROCESSES]
    if not any(item.path.is_relative_to(folder) for item in session.items for folder in folders):
        return
    changed = differences(root / "src")
    if changed:
        raise pytest.UsageError(
            f"the installed gateway is not the code in src ({', '.join(changed[:3])}…): make setup"
        )


def pytest_runtestloop() -> None:
    """Collect garbage again, less what is here for good."""
    gc.freeze()
    gc.enable()


def pytest_report_header(config: pytest.Config) -> str:
    """Say which copy of the gateway the tests import: that of `src`, or the installed one."""
    import tta_gateway.support.build as build

    inside = Path(build.__file__).is_relative_to(config.rootpath / "src")
    return f"tta_gateway: {'src' if inside else 'installed'}, {build.form()}"
