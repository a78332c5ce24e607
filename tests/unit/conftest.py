"""What tests without processes share: certificates, which take a moment to make."""

import pytest

from tests.helpers.certificates import Folder


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """An authority, and of it `server.pem` for `gateway.test`."""
    folder = Folder(tmp_path_factory.mktemp("certificates"))
    folder.issue("gateway.test")
    return folder
