"""A script: Lua that the server runs as one step; in what Redis 7.0 knows."""

import hashlib


class Script:
    """A script and the name that servers give it; make it once, at import."""

    def __init__(self, source: str) -> None:
        """Take the source."""
        self.source = source.encode()
        # The server names scripts so; nothing is kept secret by it.
        self.sha = hashlib.sha1(self.source, usedforsecurity=False).hexdigest().encode()
