"""The database, as operators write it: a URL of PostgreSQL, or nothing for SQLite."""

from importlib.util import find_spec
from typing import Annotated, Final, TypeAlias

from tta_gateway.settings.certificate import trusted
from tta_gateway.settings.secret import Holds, Secret, without
from tta_gateway.settings.shorthand import URL
from tta_gateway.support.sql.url import DatabaseUrl, parse

_DRIVER: Final = "asyncpg"
DatabaseAt: TypeAlias = Annotated[
    Secret[DatabaseUrl], Holds(parse, shown=lambda url: url.shown, schema=URL)
]


def unusable(url: Secret[DatabaseUrl] | None, driver: str = _DRIVER) -> str:
    """Return why a database cannot be asked from here, in words; nothing if it can."""
    if url is None:
        return ""
    if find_spec(driver) is None:
        return "needs the driver of PostgreSQL: `pip install 'tta-gateway[postgres]'`"
    ca = url.value.ca
    if not ca:
        return ""
    try:
        trusted(ca)
    except ValueError as error:
        words = str(error) if isinstance(url.shown, str) else without(str(error), ca)
        return f"names a `ca` that is no good: {words}"
    return ""
