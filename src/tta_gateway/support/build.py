"""The build: whether this copy of the gateway runs its request path compiled (setup.py)."""

from typing import Literal

Form = Literal["compiled", "interpreted"]


def form() -> Form:
    """Return how the modules of the request path run; this one is among them."""
    return "interpreted" if __file__.endswith(".py") else "compiled"
