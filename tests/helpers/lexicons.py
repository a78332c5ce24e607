"""A lexicon of a few phrases, and weights that say what a test wants."""

from typing import Final

from tta_gateway.features.safety.lexicon import Lexicon
from tta_gateway.features.safety.model import SIZE, Model, packed

SMALL: Final = """version 1
common i to want
%self = i my
%others = he she
%no = not
%no_denial = only
%past = ago
%still = now
%breaks = but
%denial = not
%nobody = nobody
%untrue = lied
%saying = says
%fiction = novel
%abstract = essay
%joke = lol
[suicide.intent suicide 3]
will die
[suicide.active suicide 2]
want to die
[suicide.soft suicide 1 weak]
hopeless
[abuse.active abuse 2 anyone]
hits me
[self_harm.other self_harm 1 anyone]
cuts herself
[idiom.dying suicide 0]
die of laughter
[service.care suicide 0]
no best way
[service.method suicide 3]
best way
"""


def lexicon() -> Lexicon:
    return Lexicon(SMALL)


def model(person: float, service: float = -9.0, *, word: int | None = None) -> Model:
    """Return a model whose heads say so whatever is read, but for a word that is sure."""
    weights = [0.0] * SIZE
    if word is not None:
        weights[word] = 100.0
    return Model(packed("w", [(weights, person, 0.3, 0.8), (weights, service, 0.3, 0.8)]))
