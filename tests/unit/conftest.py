"""What tests without processes share: certificates, which take a moment to make; cheap hashes."""

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from tests.helpers.certificates import Folder
from tta_gateway.features.identity import argon


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """An authority, and of it `server.pem` for `gateway.test`."""
    folder = Folder(tmp_path_factory.mktemp("certificates"))
    folder.issue("gateway.test")
    return folder


@pytest.fixture(autouse=True, scope="session")
def cheap_hashes() -> Iterator[None]:
    """Have a password's hash take next to nothing; what one really costs, the contract says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argon, "_hasher", cheap := PasswordHasher(2, 8, 1))
        patch.setattr(argon, "NOBODYS", cheap.hash("nobody's password"))
        yield
