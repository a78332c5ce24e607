"""Access: what must agree of roles and of routes that ask for them."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from tta_gateway.features.access.algorithm import split
from tta_gateway.features.access.config import DEFAULT, Written, held
from tta_gateway.routing.template import TemplateError, parse
from tta_gateway.settings.channel import rules
from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value
from tta_gateway.settings.nearest import nearest

Tree: TypeAlias = Mapping[str, Value]
Complaints: TypeAlias = Iterator[tuple[Path, str]]


def complaints(tree: Tree) -> Complaints:
    """Complain about routes that ask for what nobody has, or of nobody."""
    roles = held(_written(tree))
    known = {split(one)[0] for some in roles.values() for one in some}
    yield from _two_person(tree, set(roles))
    yield from _scopes(tree, known)
    routes = tree.get("routes")
    for at, route in enumerate(routes if isinstance(routes, list) else ()):
        if isinstance(route, dict):
            for path, sentence in _of_route(route, set(roles), known):
                yield ("routes", at, *path), sentence
            for path, sentence in _unshown(route, _mapping(tree.get("services"))):
                yield ("routes", at, *path), sentence
    for where, rule in rules(tree):
        for path, sentence in _of_route(rule, set(roles), known):
            yield (*where, *path), sentence


def _scopes(tree: Tree, known: set[str]) -> Complaints:
    """Complain about scopes that let clients do what nobody may."""
    for name, held_by in _mapping(_mapping(tree.get("access")).get("scopes")).items():
        for at, one in enumerate(_texts(held_by)):
            if split(one)[0] not in known:
                yield (
                    ("access", "scopes", name, at),
                    f"no role holds `{one}`: {nearest(split(one)[0], known)}",
                )


def _two_person(tree: Tree, roles: set[str]) -> Complaints:
    """Complain about roles that two people are to grant, and nobody grants here."""
    named = _texts(_mapping(tree.get("access")).get("two_person"))
    for at, role in enumerate(named):
        if role not in roles:
            yield ("access", "two_person", at), f"there is no role `{role}`: {nearest(role, roles)}"
    if named and not _mapping(_mapping(tree.get("identity")).get("issuing")):
        yield (
            ("access", "two_person"),
            "roles are granted to the gateway's own users, and it has none: write `identity: "
            "{issuing: {url: …}}`, or take the line out",
        )


def roles(tree: Tree) -> set[str]:
    """Return the roles that there are."""
    return set(permissions(tree))


def permissions(tree: Tree) -> dict[str, tuple[str, ...]]:
    """Return what every role holds."""
    return held(_written(tree))


def _of_route(route: Tree, roles: set[str], known: set[str]) -> Complaints:
    asked = [one for one in ("access", "roles") if route.get(one) not in (None, [])]
    proved = route.get("auth", "required") == "required" or route.get("callers") is not None
    if asked and not proved:
        yield (
            (asked[0],),
            "asks who it is, and the route lets in whoever shows no token: write `auth: required`, "
            "or take the line out",
        )
    wanted = route.get("roles")
    for at, role in enumerate(wanted if isinstance(wanted, list) else ()):
        if isinstance(role, str) and role not in roles:
            yield ("roles", at), f"there is no role `{role}`: {nearest(role, roles)}"
    access = _mapping(route.get("access"))
    for path, name in _permissions(access):
        if name not in known:
            yield path, f"no role holds `{name}`: {nearest(name, known)}"
    yield from _owner(route, access)
    yield from _owner_from(route, access)
    yield from _methods(route, access)
    asks = access.keys() - {"shadow"} or route.get("roles")
    if isinstance(route.get("access"), dict) and not asks:
        yield ("access",), "asks for nothing: write `permission`, `owner` or `content`"


def _permissions(access: Tree) -> Iterator[tuple[Path, str]]:
    one = access.get("permission")
    if isinstance(one, str):
        yield ("access", "permission"), one
    for method, name in _mapping(access.get("permissions")).items():
        if isinstance(name, str):
            yield ("access", "permissions", method), name


def _owner(route: Tree, access: Tree) -> Complaints:
    owner, path = access.get("owner"), route.get("path")
    if not isinstance(owner, str) or not isinstance(path, str):
        return
    try:
        segments = parse(path)
    except TemplateError:
        return
    names = {one.name for one in segments if one.name and not one.tail}
    if owner in {one.name for one in segments if one.tail}:
        yield (
            ("access", "owner"),
            f"`{{{owner}:path}}` is more than one segment, and names nobody: give the person a "
            "segment of their own",
        )
    elif owner not in names:
        yield ("access", "owner"), f"`{{{owner}}}` is not in `{path}`: {nearest(owner, names)}"


def _owner_from(route: Tree, access: Tree) -> Complaints:
    """Complain about a place to ask whose something is that cannot be asked."""
    asked, path = access.get("owner_from"), route.get("path")
    if not isinstance(asked, dict) or not isinstance(path, str):
        return
    if access.get("owner") is not None:
        yield ("access", "owner_from"), "stands beside `owner`: keep one of them"
    if not isinstance(route.get("service"), str):
        yield (
            ("access", "owner_from"),
            "asks the service of the route, and the route has not one: write `service`, or take "
            "the line out",
        )
    there = asked.get("path")
    if isinstance(there, str):
        yield from (
            (("access", "owner_from", "path"), sentence) for sentence in _place(path, there)
        )


def _unshown(route: Tree, services: Tree) -> Complaints:
    """Complain about who is taken for the owner by a service that does not see who asks."""
    asked, name = _mapping(route.get("access")).get("owner_from"), route.get("service")
    if not isinstance(asked, dict) or asked.get("field") is not None or not isinstance(name, str):
        return
    shown = _mapping(services.get(name)).get("token")
    mode = shown.get("mode") if isinstance(shown, dict) else shown
    if mode == "strip":
        yield (
            ("access", "owner_from"),
            f"takes whomever `{name}` answers for the owner, and `{name}` is not shown who asks "
            "(`token: strip`): write the `field` that names the owner, or have it be shown a token",
        )


def _place(path: str, there: str) -> Iterator[str]:
    """Complain about what is no place, or cannot be filled from the path of the route."""
    try:
        known = {one.name for one in parse(path) if one.name and not one.tail}
    except TemplateError:
        return  # the route's own complaint
    try:
        named = [one for one in parse(there) if one.name]
    except TemplateError as error:
        yield str(error)
        return
    for one in named:
        if one.tail or one.name not in known:
            yield f"`{{{one.name}}}` is no segment of `{path}`: {nearest(one.name, known)}"
    if not named:
        yield f"names nothing of `{path}`: what is asked for must stand in it"


def _methods(route: Tree, access: Tree) -> Complaints:
    """Complain about methods that the route takes and nobody may use, or the other way round."""
    methods, written = route.get("methods"), _mapping(access.get("permissions"))
    if not isinstance(methods, list) or not written:
        return
    taken = {*methods, "HEAD"} if "GET" in methods else {*methods}
    for method in written:
        if method not in taken and method != DEFAULT:
            yield (
                ("access", "permissions", method),
                f"the route takes no {method}: take the line out, or add it to `methods`",
            )
    covered = {*written, "HEAD"} if "GET" in written else {*written}
    missing = [one for one in methods if one not in covered]
    if missing and DEFAULT not in written:
        yield (
            ("access", "permissions"),
            f"nobody could use {missing[0]}: write its permission, or `default`",
        )


def _written(tree: Tree) -> Written:
    """Return the roles that are written, as far as they can be read."""
    roles = _mapping(_mapping(tree.get("access")).get("roles"))
    found = {}
    for name, role in roles.items():
        fields = _mapping(role)
        extends = tuple(
            one for one in _texts(fields.get("extends")) if one == name or one not in roles
        )
        found[name] = (extends, tuple(_texts(fields.get("permissions"))))
    return found


def _texts(value: Value) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _mapping(value: Value) -> Tree:
    return value if isinstance(value, dict) else {}
