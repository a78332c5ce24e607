"""Set and remove fields of a route's requests and answers."""

from typing import ClassVar

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields
from tta_gateway.kernel.route import Route

Change = tuple[Fields, frozenset[bytes]]


class Transform:
    """Stands last, so that the service sees exactly this, and the other policies never do."""

    name: ClassVar = "transform"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()

    def for_route(self, route: Route | None) -> "BoundTransform | None":
        """Act where the route changes anything."""
        if route is None or not (route.request_fields or route.response_fields):
            return None
        return BoundTransform(_change(route.request_fields), _change(route.response_fields))


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
        exchange.upstream_fields = _changed(exchange.request.fields, self._request)

    def on_response(self, exchange: Exchange) -> None:
        """Change the answer's fields."""
        response = exchange.response
        assert response is not None  # the response phase has one
        response.fields = _changed(response.fields, self._response)


def _change(fields: tuple[tuple[str, str | None], ...]) -> Change:
    """Return the fields to set, and all names that make way for them or are removed."""
    wanted = [
        (name.lower().encode(), value.encode()) for name, value in fields if value is not None
    ]
    return wanted, frozenset(name.lower().encode() for name, _ in fields)


def _changed(fields: Fields, change: Change) -> Fields:
    wanted, names = change
    if not names:
        return fields
    return [field for field in fields if field[0] not in names] + wanted


def _names(change: Change) -> str:
    return ", ".join(sorted(name.decode() for name in change[1])) or "none"
