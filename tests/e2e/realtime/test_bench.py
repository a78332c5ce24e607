"""The bench of the hub runs, in its smallest form: nobody would notice until figures are wanted."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[3]
SMALL = "--idle 30 --readers 20 --sessions 5 --storm 60 --rounds 1 --seconds 1"


def test_the_bench_of_the_hub_measures_what_it_says() -> None:
    command = [sys.executable, str(ROOT / "bench" / "realtime.py"), *SMALL.split()]
    done = subprocess.run(
        command, cwd=ROOT, env={"PYTHONPATH": "."}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| a storm of 60 to")]
    found = {row.split("|")[1].strip(): row.split("|")[2].strip() for row in rows}
    assert found["a storm of 60 to 20 channels: not recovered"] == "0"
    assert found["a storm of 60 to 1 channels: not recovered"] == "0"
    assert int(found["a storm of 60 to 1 channels: reads of the store"]) < 10
