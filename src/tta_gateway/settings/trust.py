"""Trust: warnings of issuers who may make anybody a clinician, or an administrator.

What such a one says is believed: whoever breaks in there, or knows a secret that it shares, is
whatever they like here.  It may be meant, so it is no refusal.
"""

from collections.abc import Iterator

from tta_gateway.features.access import config as access
from tta_gateway.features.access.table import ROLES
from tta_gateway.settings.complaint import Complaint, Path, lines
from tta_gateway.settings.delegated import is_granted_here
from tta_gateway.settings.load import Loaded
from tta_gateway.settings.tree import Settings


def warnings(loaded: Loaded, file: str) -> list[str]:
    """Return a line for each role that a foreign issuer may give, and should not."""
    found = [
        Complaint(loaded.document.place(path), path, f"warning: {word}")
        for path, word in _given(loaded.settings)
    ]
    return lines(found, file)


def _given(settings: Settings) -> Iterator[tuple[Path, str]]:
    held = access.compile(settings.access).roles or ROLES
    for number, issuer in enumerate(settings.identity.issuers):
        for place, role in enumerate(issuer.roles):
            if is_granted_here(role, held):
                way = "whoever knows that secret" if issuer.secret else "whoever signs for it"
                yield (
                    ("identity", "issuers", number, "roles", place),
                    f"`{issuer.name}` may make anybody a `{role}`, and so may {way}: take the role "
                    f"out, and grant it here (`tta-gateway user role … --grant {role}`) to those "
                    "who log in by way of `identity.issuing`",
                )
