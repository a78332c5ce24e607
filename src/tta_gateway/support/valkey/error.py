"""Errors: what may become of a command instead of an answer.

ValkeyError
  Unavailable     no answer is to be had: not connected, too much under way, or the connection broke
    Timeout       none came before the deadline
  Refused         the server's own error, by its code
"""

from typing import Final

# What passes by itself, or when somebody else has done his part (a fail-over, a load, a script).
_PASSING: Final = frozenset(
    ("BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY", "TRYAGAIN", "UNBLOCKED")
)


class ValkeyError(Exception):
    """A command has no answer."""


class Unavailable(ValkeyError):
    """The server cannot be asked; `may_be_done` where it may have heard the command even so."""

    def __init__(self, reason: str, *, may_be_done: bool = False) -> None:
        """Keep the reason, for operators."""
        super().__init__(reason)
        self.reason = reason
        self.may_be_done = may_be_done


class Timeout(Unavailable):
    """The deadline has passed; the server may carry the command out yet."""


class Refused(ValkeyError):
    """The server's error; its text may quote what a person wrote: log the code alone."""

    def __init__(self, text: str) -> None:
        """Take the error as the server words it: a code, and what it says about it."""
        super().__init__(text)
        self.text = text
        self.code = text.partition(" ")[0]

    @property
    def is_passing(self) -> bool:
        """Tell whether the same command may succeed a little later."""
        return self.code in _PASSING
