"""The account service's paths, all under /api/v1/auth."""

import os
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Response

from examples.tta.accounts import password
from examples.tta.accounts.account import Account, Credentials, Login, Registration
from examples.tta.chassis import clock, token
from examples.tta.chassis.database import Shelf, shelf_of
from examples.tta.chassis.guard import Caller

COOKIE: Final = "openrouter_session_id"
COOKIE_AGE: Final = 86400  # seconds

router = APIRouter(prefix="/api/v1/auth")

Accounts = Annotated[Shelf[Account], Depends(shelf_of(Account))]
Logins = Annotated[Shelf[Login], Depends(shelf_of(Login))]


def _signed_in(caller: Caller, accounts: Accounts, logins: Logins) -> Account:
    """Return the caller's account: here, unlike elsewhere, the login must still be there."""
    login = logins.get(caller.session_id or "")
    account = accounts.get(login.username) if login else None
    if account is None:
        raise HTTPException(401, "Session is no longer active")
    return account


SignedIn = Annotated[Account, Depends(_signed_in)]


@router.post("/register")
def register(registration: Registration, accounts: Accounts) -> dict[str, str]:
    """Make an account, or say all that is wrong with the request."""
    kept = password.digest(registration.password)
    with accounts.transaction():
        if errors := _complaints(registration, accounts):
            raise HTTPException(400, {"message": "Registration failed", "errors": errors})
        account = Account(username=registration.username, email=registration.email, password=kept)
        accounts.put(account.username, account)
    return {
        "message": "User registered successfully",
        "username": account.username,
        "email": account.email,
        "role": account.role,
    }


@router.post("/login")
def login(
    credentials: Credentials, response: Response, accounts: Accounts, logins: Logins
) -> dict[str, Any]:
    """Give a token for a name and a password."""
    account = _enter(credentials, accounts)
    session = Login(username=account.username)
    logins.put(session.session_id, session)
    response.set_cookie(
        COOKIE,
        session.session_id,
        max_age=COOKIE_AGE,
        httponly=True,
        samesite="lax",
        secure=os.environ.get("ENVIRONMENT") == "production",
    )
    return {
        "access_token": token.mint(_claims(account, session.session_id)),
        "refresh_token": "",  # the platform has none to give yet
        "token_type": "bearer",
        "expires_in": token.LIFETIME,
        "mfa_required": False,
        "mfa_challenge": None,
        "user_info": _described(account),
    }


@router.get("/me")
def me(account: SignedIn, caller: Caller) -> dict[str, Any]:
    """Say who the token names."""
    return {
        **_described(account),
        "mfa_enabled": False,
        "mfa_verified": False,
        "last_login": account.last_login.isoformat() if account.last_login else None,
        "session_id": caller.session_id,
    }


@router.get("/permissions")
def permissions(account: SignedIn) -> dict[str, Any]:
    """Say what the token's owner may do."""
    return {
        "role": account.role,
        "permissions": account.permissions,
        "is_admin": account.role == "admin",
        "is_therapist": account.role == "therapist",
    }


@router.post("/verify-token")
def verify_token(account: SignedIn) -> dict[str, Any]:
    """Say that the token is good: a bad one has not come this far."""
    described = {name: value for name, value in _described(account).items() if name != "email"}
    return {"valid": True, **described, "mfa_verified": False}


@router.post("/logout")
def logout(_: SignedIn, caller: Caller, logins: Logins) -> dict[str, str]:
    """End the login; its token still opens every other service until it expires."""
    assert caller.session_id  # or it would not be signed in
    logins.remove(caller.session_id)
    return {"message": "Successfully logged out"}


def _complaints(registration: Registration, accounts: Shelf[Account]) -> list[str]:
    complaints = password.weaknesses(registration.password)
    if accounts.get(registration.username):
        complaints.append("Username already exists")
    if accounts.find("email", registration.email):
        complaints.append("Email already exists")
    return complaints


def _enter(credentials: Credentials, accounts: Shelf[Account]) -> Account:
    """Return the account after the login, or refuse and count the failure."""
    account, now = accounts.get(credentials.username), clock.now()
    if account is None:
        raise HTTPException(401, "Invalid username or password")
    if account.is_locked(now):
        raise HTTPException(401, "Account is temporarily locked")
    if password.matches(credentials.password, account.password):
        return accounts.put(account.username, account.entered(now))
    with accounts.transaction():  # counted on what is there now: others try at the same time
        latest = accounts.get(account.username) or account
        accounts.put(account.username, latest.failed(now))
    raise HTTPException(401, "Invalid username or password")


def _claims(account: Account, session_id: str) -> dict[str, Any]:
    return {
        "sub": account.user_id,
        "player_id": account.user_id,
        "username": account.username,
        "email": account.email,
        "role": account.role,
        "permissions": account.permissions,
        "session_id": session_id,
        "mfa_verified": False,
    }


def _described(account: Account) -> dict[str, Any]:
    return {
        "user_id": account.user_id,
        "username": account.username,
        "email": account.email,
        "role": account.role,
        "permissions": account.permissions,
    }
