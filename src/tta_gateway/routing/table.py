"""The table: from a request's head to its destination, the most specific route first.

Per host a tree of segments: a literal is tried before `{name}`, that before `{rest:path}`, with a
step back where the more specific branch leads nowhere.  Routes of one template are told apart by
conditions and methods, the one that demands more first.  There is always a destination: what no
route takes goes to one whose plan answers 404, 405, 400 or a list of methods.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from tta_gateway.kernel.exchange import NO_PARAMS, Exchange
from tta_gateway.kernel.message import RequestHead, Response, answer_of
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.problem import METHOD_NOT_ALLOWED, NOT_FOUND, PATH_REFUSED, Problem
from tta_gateway.kernel.route import Route
from tta_gateway.routing.path import is_usual, normal
from tta_gateway.routing.template import (
    Segment,
    decoded,
    fill,
    other_slash,
    parse,
    raw_values,
)

Answer = Callable[[Exchange, Response], object]
_ANY: Final[tuple[bytes, ...]] = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE")


class Destination:
    """A route as the table leads to it: its plan, and how the path changes on the way."""

    __slots__ = (
        "_conditions",
        "_methods",
        "_prefix",
        "_rewrite",
        "_segments",
        "names",
        "plan",
        "rewrites",
        "route",
        "word",
    )

    def __init__(self, route: Route | None, plan: Plan, *, word: str = "") -> None:
        """Compile what is needed for each request; `word` says what happens where no route does."""
        self.route = route
        self.word = word
        self.plan = plan
        self._methods = _methods(route) if route else frozenset[bytes]()
        self._conditions = _conditions(route) if route else ()
        self._segments = parse(route.path) if route else ()
        self.names = tuple(one.name for one in self._segments if one.name)
        rewrite = route.rewrite.path if route else ""
        self._rewrite: tuple[Segment, ...] | None = parse(rewrite) if rewrite else None
        self._prefix = route.rewrite.strip_prefix.encode() if route else b""
        self.rewrites = bool(self._rewrite or self._prefix)

    def accepts(self, head: RequestHead) -> bool:
        """Tell whether the route takes this method and these fields."""
        methods = self._methods
        if methods:
            if head.method not in methods:
                return False
        elif head.method == b"TRACE":
            return False
        if not self._conditions:
            return True
        return all(_holds(head, name, value) for name, value in self._conditions)

    def params(self, values: Sequence[bytes]) -> dict[str, str]:
        """Return the parameters by name."""
        if not values:
            return NO_PARAMS
        return {name: decoded(value) for name, value in zip(self.names, values, strict=True)}

    def upstream_path(self, params: dict[str, str], path: bytes) -> bytes | None:
        """Return the path that the service sees, or None where it is the one that was matched."""
        if self._rewrite is not None:
            return fill(self._rewrite, raw_values(self._segments, path) if params else {})
        prefix = self._prefix
        if prefix and path.startswith(prefix) and path[len(prefix) :][:1] in (b"", b"/"):
            return path[len(prefix) :] or b"/"
        return None

    @property
    def methods(self) -> Iterable[bytes]:
        """Return the methods that the route takes."""
        return self._methods or _ANY

    @property
    def is_conditional(self) -> bool:
        """Tell whether the route asks for more than a path and a method."""
        return bool(self._conditions)

    @property
    def rank(self) -> tuple[int, int, int]:
        """Return what sorts routes of one template: what demands more stands first.

        More conditions, then more values among them, then named methods.
        """
        valued = [value for _, value in self._conditions if value is not None]
        return -len(self._conditions), -len(valued), 0 if self._methods else 1


class _Node:
    """One place in the tree: where each kind of segment leads, and the routes that end here."""

    __slots__ = ("any", "direct", "here", "literal", "tail")

    def __init__(self) -> None:
        self.literal: dict[bytes, _Node] = {}
        self.any: _Node | None = None
        self.tail: list[Destination] = []
        self.here: list[Destination] = []
        self.direct: dict[bytes, Destination] = {}  # by method, where nothing else tells apart

    def first(self, head: RequestHead) -> Destination | None:
        """Return the first route that ends here and takes the request; remember it if it can be."""
        for candidate in self.here:
            if candidate.accepts(head):
                if not any(one.is_conditional for one in self.here):
                    self.direct[head.method] = candidate
                return candidate
        return None


class Table:
    """Routes of all hosts.  `nowhere` is the plan of requests that no route takes."""

    def __init__(
        self, routes: Iterable[tuple[Route, Plan]], *, nowhere: Plan, answer: Answer
    ) -> None:
        """Build the trees; `answer` sends an answer of the gateway's own."""
        self._nowhere = nowhere
        self._answer = answer
        self._hosts: dict[bytes, _Node] = {}
        self._suffixes: list[tuple[bytes, _Node]] = []
        self._default = _Node()
        self._named = False
        self._literal: dict[bytes, _Node] = {}  # by whole paths, where no segment is a parameter
        for route, plan in routes:
            self.add(route, plan)
        self.malformed = self._local(_fail, "an error of the request itself")
        self._not_found = self._problem(NOT_FOUND)
        self._refused = self._problem(PATH_REFUSED)
        self._options = self._allow(b", ".join(_ANY))

    def _problem(self, problem: Problem) -> Destination:
        """Return a destination that reports a problem."""
        return self._local(lambda _: answer_of(problem), f"{problem.status} {problem.code}")

    def _allow(self, methods: bytes) -> Destination:
        """Return a destination that tells the methods of a path."""
        return self._local(
            lambda _: Response(204, [(b"allow", methods)]), f"204, Allow: {methods.decode()}"
        )

    def _local(self, make: Callable[[Exchange], Response], word: str) -> Destination:
        """Return a destination that is answered here."""
        answer = self._answer

        def forward(exchange: Exchange) -> None:
            answer(exchange, make(exchange))

        return Destination(None, replace(self._nowhere, forward=forward), word=word)

    # Building

    def add(self, route: Route, plan: Plan) -> None:
        """Put one more route in its place."""
        destination = Destination(route, plan)
        tree = self._tree(route.host.lower().encode())
        segments = parse(route.path)
        self._insert(tree, segments, destination)
        other = other_slash(route, segments)
        if other:
            self._insert(tree, other, destination)
        self._named = bool(self._hosts or self._suffixes)

    def _tree(self, host: bytes) -> _Node:
        if not host:
            return self._default
        if host.startswith(b"*."):
            for suffix, node in self._suffixes:
                if suffix == host[1:]:
                    return node
            made = _Node()
            self._suffixes.append((host[1:], made))
            self._suffixes.sort(key=lambda pair: -len(pair[0]))
            return made
        return self._hosts.setdefault(host, _Node())

    def _insert(self, node: _Node, segments: tuple[Segment, ...], destination: Destination) -> None:
        is_default, path = node is self._default, b""
        for segment in segments:
            if segment.tail:
                node.tail.append(destination)
                node.tail.sort(key=lambda one: one.rank)
                return
            if segment.name:
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.literal.setdefault(segment.literal, _Node())
            path += b"/" + segment.literal
        node.here.append(destination)
        node.here.sort(key=lambda one: one.rank)
        if is_default and not any(one.name for one in segments) and is_usual(path):
            self._literal[path] = node

    # Finding

    def find(self, head: RequestHead) -> tuple[Destination, dict[str, str]]:
        """Return where the request goes, and the values of the path's parameters.

        The head's path and target become the normal ones: the service sees what was matched.
        """
        path = head.path
        # Nothing is usual about a third of the cost of `find`: bench/paper.py.
        node = None if self._named else self._literal.get(path)
        if node is not None:
            direct = node.direct.get(head.method)
            if direct is not None:
                return direct, NO_PARAMS
        if is_usual(path):
            if not self._named:
                straight = _straight(self._default, path.split(b"/"), head)
                if straight is not None:
                    return straight
            return self._found(head, ambiguous=False)
        made, ambiguous = normal(path)
        if made is None:
            return self._refused, NO_PARAMS
        head.path = made
        head.target = made if head.query is None else made + b"?" + head.query
        return self._found(head, ambiguous=ambiguous)

    def _found(self, head: RequestHead, *, ambiguous: bool) -> tuple[Destination, dict[str, str]]:
        """Search the trees, the most specific host's first."""
        if head.path == b"*":
            return self._options, NO_PARAMS
        parts = head.path.split(b"/")
        met: list[Destination] = []
        for tree in self._trees(head.host):
            found = _search(tree, parts, 1, head, met, [])
            if found is not None:
                return self._taken(*found, ambiguous=ambiguous)
        if ambiguous:
            return self._refused, NO_PARAMS
        return self._untaken(head, met), NO_PARAMS

    def _taken(
        self, destination: Destination, values: list[bytes], *, ambiguous: bool
    ) -> tuple[Destination, dict[str, str]]:
        route = destination.route
        if ambiguous and not (route is not None and route.allow_encoded):
            return self._refused, NO_PARAMS
        return destination, destination.params(values)

    def _trees(self, host: bytes) -> Iterable[_Node]:
        """Return the trees to search: the host's own, those of its suffixes, the one for any."""
        name = _without_port(host.lower()).removesuffix(b".")  # a name from the root is the same
        if name in self._hosts:
            yield self._hosts[name]
        for suffix, node in self._suffixes:
            if name.endswith(suffix):
                yield node
        yield self._default

    def _untaken(self, head: RequestHead, met: list[Destination]) -> Destination:
        """Return the destination of a request that no route takes, by what it met on the way."""
        allowed = {method for one in met for method in one.methods}
        if not allowed or head.method in allowed:
            return self._not_found
        allow = b", ".join(sorted(allowed | {b"OPTIONS"}))
        if head.method == b"OPTIONS":
            return self._allow(allow)

        def refuse(_: Exchange) -> Response:
            response = answer_of(METHOD_NOT_ALLOWED)
            response.fields.append((b"allow", allow))
            return response

        code = f"{METHOD_NOT_ALLOWED.status} {METHOD_NOT_ALLOWED.code}"
        return self._local(refuse, f"{code}, Allow: {allow.decode()}")


def _straight(
    node: _Node, parts: list[bytes], head: RequestHead
) -> tuple[Destination, dict[str, str]] | None:
    """Return what a walk without steps back finds, if it finds anything: the usual case.

    A third of the cost of the full search, whose answer it must be: bench/paper.py, `find`.  The
    path holds no escapes here, so its segments are ASCII.
    """
    values = []
    for part in parts[1:]:
        below = node.literal.get(part)
        if below is None:
            below = node.any
            if below is None or not part:
                return None
            values.append(part.decode())
        node = below
    found = node.direct.get(head.method) or node.first(head)
    if found is None:
        return None
    return found, dict(zip(found.names, values, strict=True)) if values else NO_PARAMS


def _search(
    node: _Node,
    parts: list[bytes],
    at: int,
    head: RequestHead,
    met: list[Destination],
    values: list[bytes],
) -> tuple[Destination, list[bytes]] | None:
    """Return the first destination below the node that takes the request, depth first."""
    if at == len(parts):
        return _first(node.here, head, met, values)
    part = parts[at]
    below = node.literal.get(part)
    if below is not None:
        found = _search(below, parts, at + 1, head, met, values)
        if found is not None:
            return found
    if node.any is not None and part:
        found = _search(node.any, parts, at + 1, head, met, [*values, part])
        if found is not None:
            return found
    if node.tail:
        return _first(node.tail, head, met, [*values, b"/".join(parts[at:])])
    return None


def _first(
    candidates: list[Destination], head: RequestHead, met: list[Destination], values: list[bytes]
) -> tuple[Destination, list[bytes]] | None:
    for candidate in candidates:
        if candidate.accepts(head):
            return candidate, values
        met.append(candidate)
    return None


def _methods(route: Route) -> frozenset[bytes]:
    methods = {method.encode() for method in route.methods}
    if b"GET" in methods:
        methods.add(b"HEAD")  # RFC 9110 9.3.2: where GET is taken, so is HEAD
    return frozenset(methods)


def _conditions(route: Route) -> tuple[tuple[bytes, bytes | None], ...]:
    return tuple(
        (one.name.lower().encode(), None if one.value is None else one.value.encode())
        for one in route.conditions
    )


def _holds(head: RequestHead, name: bytes, value: bytes | None) -> bool:
    found = head.get(name)
    return found is not None and (value is None or found == value)


def _without_port(host: bytes) -> bytes:
    if host.endswith(b"]"):
        return host
    name, colon, port = host.rpartition(b":")
    return name if colon and (port.isdigit() or not port) else host


def _fail(exchange: Exchange) -> Response:
    """Return the answer to a request that could not be read."""
    error = exchange.error
    assert error is not None  # the edge sets it before it sends an exchange here
    return answer_of(error.problem, error.detail)
