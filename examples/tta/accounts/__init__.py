"""Accounts: who may log in, and what their token says.

Kinder than the platform in two places: accounts and logins outlive a restart, and logging out
answers 200 where the platform answers 500 (and has revoked the login all the same).
"""

from pathlib import Path
from typing import Final

from starlette.types import ASGIApp

from examples.tta.accounts import health, routes
from examples.tta.accounts.account import Account, Login
from examples.tta.chassis.app import application
from examples.tta.chassis.database import Database
from examples.tta.chassis.guard import Public

PUBLIC: Final = Public(
    paths=frozenset({"/api/v1/auth/register", "/api/v1/auth/login", *health.PUBLIC})
)


def build(state: Path) -> ASGIApp:
    """Return the service with its data under `state`."""
    database = Database(state / "accounts.sqlite3", Account, Login)
    return application("accounts", routes.router, health.router, database=database, public=PUBLIC)
