"""Set, add and remove fields of a route's requests and answers."""

from typing import ClassVar, Final

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields
from tta_gateway.kernel.route import Route

Change = tuple[Fields, frozenset[bytes]]
NOTHING: Final[Change] = ([], frozenset())


class Transform:
    """Stands last, so that the service sees exactly this, and the other policies never do."""

    name: ClassVar = "transform"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()

    def for_route(self, route: Route | None) -> "BoundTransform | None":
        """Act where the route changes anything."""
        if route is None:
            return None
        request = _change(route.request_fields, route.request_appended)
        response = _change(route.response_fields, route.response_appended)
        if request == NOTHING == response:
            return None
        return BoundTransform(request, response)


class BoundTransform:
    """The changes of one route."""

    def __init__(self, request: Change, response: Change) -> None:
        """Keep both directions' changes."""
        self._request = request
        self._response = response

    def explain(self) -> str:
        """Say what it does."""
        there, back = _names(self._request), _names(self._response)
        return f"changes of the request: {there}; of the answer: {back}"

    def on_request(self, exchange: Exchange) -> None:
        """Change the request's fields, for the service alone."""
        fields = exchange.upstream_fields  # what policies before have made of them
        if fields is None:
            fields = exchange.request.fields
        exchange.upstream_fields = _changed(fields, self._request)

    def on_response(self, exchange: Exchange) -> None:
        """Change the answer's fields."""
        response = exchange.response
        assert response is not None  # the response phase has one
        response.fields = _changed(response.fields, self._response)


def _change(
    fields: tuple[tuple[str, str | None], ...], appended: tuple[tuple[str, str], ...]
) -> Change:
    """Return the fields to add, and all names that make way for them or are removed."""
    wanted = [
        (name.lower().encode(), value.encode())
        for name, value in (*fields, *appended)
        if value is not None
    ]
    return wanted, frozenset(name.lower().encode() for name, _ in fields)


def _changed(fields: Fields, change: Change) -> Fields:
    wanted, names = change
    if names:
        fields = [field for field in fields if field[0] not in names]
    return fields + wanted if wanted else fields


def _names(change: Change) -> str:
    wanted, names = change
    told = {name for name, _ in wanted} | names
    return ", ".join(sorted(name.decode() for name in told)) or "none"
