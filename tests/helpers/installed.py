"""The gateway that `make setup` has installed, compared with the code that stands in `src`."""

import sysconfig
from pathlib import Path


def differences(source: Path) -> list[str]:
    """Return the files that the installed package and `source` do not have alike."""
    installed = Path(sysconfig.get_path("purelib"))
    native = Path(sysconfig.get_path("platlib"))
    root = native if (native / "tta_gateway").is_dir() else installed
    names = {path.relative_to(source) for path in source.rglob("*.py")}
    names |= {path.relative_to(root) for path in (root / "tta_gateway").rglob("*.py")}
    return sorted(str(name) for name in names if _bytes(root / name) != _bytes(source / name))


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
