"""npm's `oidc-provider`, where Node is there: tests/e2e/openid/provider.js runs it."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.helpers import npm
from tests.helpers.programs import daemon

HERE: Final = Path(__file__).parents[1] / "e2e" / "openid"


def modules() -> Path:
    """Return the folder that it is installed in, by the lock; skip where Node is missing or old."""
    return npm.modules(HERE, "openid")


@contextlib.contextmanager
def npm_provider(told: Mapping[str, object], folder: Path, *, port: int) -> Iterator[Path]:
    """Run it; yield its log."""
    log = folder / "provider.log"
    words = json.dumps({"port": port, "modules": str(modules()), **told})
    with daemon(["node", str(HERE / "provider.js"), words], port=port, log=log):
        yield log
