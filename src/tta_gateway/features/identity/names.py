"""Names of users: one way to write each."""

import hmac
import unicodedata
from ipaddress import ip_address
from typing import Final

LONGEST: Final = 128  # characters
_PREFIX: Final = 64  # bits of an IPv6 address that one household or machine has


def normal(name: str) -> str:
    """Return a name as it is compared; ValueError in words if it cannot be one."""
    text = unicodedata.normalize("NFKC", name).casefold().strip()
    if not text or len(text) > LONGEST or not text.isprintable() or " " in text or "/" in text:
        raise ValueError(
            f"A name is 1 to {LONGEST} characters that can be seen, without spaces and slashes."
        )
    return text


def folded(name: str) -> str:
    """Return what stands for a name that is none here: so much of it as it is compared by."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def account_key(name: str, key: bytes) -> bytes:
    """Return what stands for a name among failed logins, whether there is such a user or not."""
    return _keyed(f"account {name}", key)


def factor_key(user_id: str, key: bytes) -> bytes:
    """Return what stands for somebody among failed second factors; no name stands for the same."""
    return _keyed(f"factor {user_id}", key)


def registration_key(address: str, key: bytes) -> bytes:
    """Return what stands for an address among those who register."""
    return _keyed("register " + address_key(address, key).hex(), key)


def invitation_key(digest: bytes, key: bytes) -> bytes:
    """Return what stands for an invitation among those who register."""
    return _keyed("invitation " + digest.hex(), key)


def address_key(address: str, key: bytes) -> bytes:
    """Return what stands for a client's address there; of IPv6 its network."""
    try:
        found = ip_address(address)
    except ValueError:
        return _keyed(f"address {address}", key)
    if found.version == 4:
        return _keyed(f"address {found}", key)
    return _keyed(f"network {int(found) >> _PREFIX:x}", key)


def _keyed(text: str, key: bytes) -> bytes:
    return hmac.digest(key, b"tta-gateway login 1 " + text.encode("utf-8", "replace"), "sha256")
