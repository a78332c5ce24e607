"""Floods at twice what the gateway can do, with fifty people beside them who have logged in.

    python -m bench.flood [--seconds 20] [--times 2]

Starts the shipped command with two workers, the shield without its allow-list, and a service of
this process.  First it measures the ceilings, closed loop, from addresses that the shield spares:
connections that each send what is no HTTP, and requests with bad tokens over kept connections, a
second.  Then a flood of each kind, open loop at so many times the ceiling, from a thousand loopback
addresses.  Prints what became of the floods and of the people: 99 per cent of theirs must be
answered, one alert tells of each flood, and all blocks are gone by themselves.

The attacker shares the machine with what it attacks: what it could not even begin is told.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Final

from tests.helpers.flood import Told, beside, flood
from tests.helpers.flooder import ADDRESSES, KINDS, SPARED, ceiling
from tests.helpers.shielded import Node, node_of
from tests.helpers.slow import wait_until
from tta_gateway.support.build import form

BAR: Final = 0.99
ALERT: Final = "AttackUnderWay"
PEOPLE: Final = 50


def main() -> None:
    """Attack, and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--times", type=float, default=2.0)
    options = parser.parse_args()
    print(f"the gateway's path: {form()}")
    for kind in KINDS:
        with (
            tempfile.TemporaryDirectory() as folder,
            node_of(Path(folder), workers=2, allow=[SPARED], longest_block="6s") as node,
        ):
            _attacked(node, kind, seconds=options.seconds, times=options.times)


def _attacked(node: Node, kind: str, *, seconds: float, times: float) -> None:
    port = node.stage.port
    most = ceiling(port, kind)
    print(f"\n{kind}: ceiling {most:.0f} a second; flood of {times:g} times as many")
    peace = beside(port, people=PEOPLE, seconds=min(5.0, seconds), token=node.token)
    told = flood(port, kind, people=PEOPLE, seconds=seconds, rate=times * most, token=node.token)
    flooded = told.flood
    begun = flooded.sent / flooded.seconds
    print(
        f"flood: {flooded.sent} from {ADDRESSES} addresses, {begun:.0f} a second"
        f" ({begun / most:.2f} times the ceiling); {flooded.answered} answered, {flooded.cut} cut,"
        f" {flooded.unsent} could not be begun"
    )
    print(f"people in peace: {_of(peace)}")
    print(f"people beside the flood: {_of(told)}")
    gone = wait_until(lambda: node.blocked() == [], 30.0)
    over = node.alerts.hears(ALERT, "resolved", 60.0)
    alerts = len(node.alerts.told(ALERT, "firing"))
    share = told.answered / max(1, told.asked)
    print(f"blocks gone by themselves: {'yes' if gone else 'no'}")
    print(f"alerts: {alerts}{'' if over else ', and not resolved'}")
    is_met = share >= BAR and gone and over and alerts == 1
    print(f"{'met' if is_met else 'not met'}: {BAR:.0%} of answers, one alert, no block left")


def _of(told: Told) -> str:
    return (
        f"{told.answered} of {told.asked} answered, p50 {told.quantile(0.5) * 1e3:.0f} ms,"
        f" p99 {told.quantile(0.99) * 1e3:.0f} ms"
    )


if __name__ == "__main__":
    main()
