"""A flood from a thousand loopback addresses, with fifty people beside it who have logged in.

    python -m bench.flood [--seconds 20] [--rate 2000]

Starts the shipped command with two workers, the shield without its allow-list, and a service of
this process; the flood is open loop.  Prints what became of the flood and of the people: their
share of answers must be 99 per cent.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Final

from tests.e2e.test_shield import node_of
from tests.helpers.flood import flood
from tests.helpers.slow import wait_until
from tta_gateway.support.build import form

BAR: Final = 0.99


def main() -> None:
    """Attack, and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=2000.0)
    parser.add_argument("--addresses", type=int, default=1000)
    parser.add_argument("--people", type=int, default=50)
    options = parser.parse_args()
    print(f"the gateway's path: {form()}")
    with (
        tempfile.TemporaryDirectory() as folder,
        node_of(Path(folder), workers=2, first_block="3s", longest_block="6s") as node,
    ):
        told = flood(
            node.stage.port,
            addresses=options.addresses,
            people=options.people,
            seconds=options.seconds,
            rate=options.rate,
            token=node.token,
        )
        share = told.answered / max(1, told.asked)
        took = sorted(told.took)
        print(f"flood: {told.attempts} connections, {told.attempts / options.seconds:.0f} a second")
        print(f"people: {told.answered} of {told.asked} answered, {share:.2%}")
        half, most = took[len(took) // 2] * 1e3, took[len(took) * 99 // 100] * 1e3
        print(f"p50 {half:.0f} ms, p99 {most:.0f} ms")
        gone = wait_until(lambda: node.blocked() == [], 30.0)
        print(f"blocks gone by themselves: {'yes' if gone else 'no'}")
        print(f"answers: {'met' if share >= BAR else 'not met'}: {BAR:.0%}")


if __name__ == "__main__":
    main()
