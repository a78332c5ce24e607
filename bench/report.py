"""Reports: a table on stdout, and sections of RESULTS.md that each benchmark rewrites alone."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from figures import BARS, Bar, Outcome, Spread, failed, measured, ratios, spread, verdict
from products import BENCH, Product

RESULTS: Final = BENCH / "RESULTS.md"
PREFACE: Final = """# Results

Each section is written by the benchmark whose command stands in it, and by nothing else; run the
command to write it anew.  A bar that is missed stays here as `not met`.
"""

PEERS_METHOD: Final = """\
Each product is pinned to one core; the service (nginx, from memory) and wrk (1 thread, 64
keep-alive connections) share the other.  CPU is user + system time of the product's whole process
tree over the requests that wrk counted.  A request has 12 headers, the answer 500 bytes and 8
headers.  Products take turns, in another order each round; ratios are taken within a round, and
their median counts.  A run does not count if an answer was not the service's own, a request did
not reach the service, or a product that keeps an access log wrote less than one line a request.
Latency is for information: load and product share a machine.
"""


def say(text: str) -> None:
    """Write a line to stdout."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Write a line of progress to stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def save(name: str, body: str, *, path: Path = RESULTS) -> None:
    """Rewrite one section of the results and leave the others as they are."""
    document = path.read_text() if path.exists() else PREFACE
    beside = path.with_suffix(".new")
    beside.write_text(with_section(document, name=name, body=body))
    beside.replace(path)


def with_section(document: str, *, name: str, body: str) -> str:
    """Return the document with the section between its markers replaced, or added at the end."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    section = f"{begin}\n{body.strip()}\n{end}"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if pattern.search(document):
        return pattern.sub(lambda _: section, document)
    return f"{document.rstrip()}\n\n{section}\n"


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Return pairs as a list."""
    return "\n".join(f"- {name}: {value}" for name, value in pairs)


def table(head: Sequence[str], *, rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, its columns aligned for readers of the plain text."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    drawn = [
        " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) for line in lines
    ]
    rule = "-|-".join("-" * width for width in widths)
    return "\n".join(f"| {line} |".replace("- |", "--|") for line in (drawn[0], rule, *drawn[1:]))


def peers_table(
    products: Sequence[Product],
    *,
    outcomes: Sequence[Outcome],
    references: Sequence[str] = ("nginx-log", "envoy"),
) -> str:
    """Return one line a product, beside each of the references."""
    head = ("product", "runs", "µs CPU a request", *(f"x {one}" for one in references))
    rows = [_row(product, outcomes, references) for product in products]
    return table((*head, "requests/s", "core", "p50 ms", "p99 ms"), rows=rows)


def bars_table(outcomes: Sequence[Outcome], bars: Sequence[Bar] = BARS) -> str:
    """Return one line a bar."""
    rows = []
    for bar in bars:
        found = spread(ratios(outcomes, bar.product, reference=bar.reference))
        rows.append((bar.claim, verdict(bar, found=found)))
    return table(("bar", "result"), rows=rows)


def failures(products: Sequence[Product], *, outcomes: Sequence[Outcome]) -> str:
    """Return the runs that do not count, with the reason."""
    lines = [
        f"- {run.product}, round {run.round + 1}: {run.reason}"
        for product in products
        for run in failed(outcomes, product.name)
    ]
    return "\n".join(["Runs that do not count:", "", *lines]) if lines else "Every run counted."


def _row(
    product: Product, outcomes: Sequence[Outcome], references: Sequence[str]
) -> tuple[str, ...]:
    runs = measured(outcomes, product.name)
    total = len(runs) + len(failed(outcomes, product.name))
    return (
        product.title,
        f"{len(runs)}/{total}",
        _with_reach(spread([run.cpu for run in runs]), digits=1),
        *(
            _with_reach(spread(ratios(outcomes, product.name, reference=one)), digits=2)
            for one in references
        ),
        _middle(spread([run.rate for run in runs]), digits=0),
        _middle(spread([run.busy * 100 for run in runs]), digits=0, unit=" %"),
        _middle(spread([run.p50 for run in runs]), digits=2),
        _middle(spread([run.p99 for run in runs]), digits=2),
    )


def _with_reach(found: Spread | None, *, digits: int) -> str:
    if found is None:
        return "-"
    return f"{found.middle:.{digits}f} ({found.least:.{digits}f}-{found.most:.{digits}f})"


def _middle(found: Spread | None, *, digits: int, unit: str = "") -> str:
    return "-" if found is None else f"{found.middle:,.{digits}f}{unit}"
