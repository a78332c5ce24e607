"""The sentence under each setting, read from the source when somebody asks for it.

pydantic would read them for every model whenever settings are imported: a third of what that costs.
"""

import ast
import inspect
import textwrap

from tta_gateway.support.config import Config


def sentences(model: type[Config]) -> dict[str, str]:
    """Return the sentences of a model's fields, by their names in the code."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if issubclass(one, Config):
            found |= _own(one)
    return found


def _own(model: type[Config]) -> dict[str, str]:
    """Return those that stand in the class itself: a text behind what it is of."""
    (made,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(made, ast.ClassDef)  # it is the source of one
    found = {}
    for field, text in zip(made.body, made.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            said = _text(text)
            if said is not None:
                found[field.target.id] = inspect.cleandoc(said)
    return found


def _text(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        value = node.value.value
        return value if isinstance(value, str) else None
    return None
