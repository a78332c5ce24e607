"""SQLAlchemy is imported aside, whole, by however many want it at once."""

import subprocess
import sys

PROGRAM = """
import asyncio, sys
from tta_gateway.node.sqlalchemy_aside import imported
async def work():
    assert "sqlalchemy" not in sys.modules
    await asyncio.gather(*(imported() for _ in range(4)))
    from tta_gateway.features.identity.sql_keys import SqlKeys
    from tta_gateway.support.sql.database import Database
asyncio.run(work())
print("whole")
"""


def test_all_of_it_is_there_for_whoever_waits() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert (done.stdout, done.stderr) == ("whole\n", "")
