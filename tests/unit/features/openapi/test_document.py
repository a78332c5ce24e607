"""The document: of what is served, that which clients can reach."""

from fastapi import APIRouter

from tta_gateway import __version__
from tta_gateway.features.openapi.document import Place, document


def a_router() -> APIRouter:
    made = APIRouter()

    @made.get("/a/{name}")
    async def one(name: str) -> str:
        """Return a name."""
        return name

    @made.post("/b")
    async def other() -> None:
        """Take nothing."""

    return made


def told(*reachable: Place) -> dict[str, object]:
    return document(a_router().routes, set(reachable))


def test_what_can_be_reached_is_told_with_its_words() -> None:
    found = told(("GET", "/a/{name}"), ("POST", "/b"))
    assert found["openapi"] == "3.1.0"
    assert found["info"] == {
        "title": "TTA Gateway",
        "summary": "What the gateway itself answers; services have descriptions of their own.",
        "version": __version__,
    }
    paths = found["paths"]
    assert isinstance(paths, dict)
    assert {path: list(said) for path, said in paths.items()} == {
        "/a/{name}": ["get"],
        "/b": ["post"],
    }
    assert paths["/a/{name}"]["get"]["description"] == "Return a name."


def test_what_cannot_be_reached_is_not_told() -> None:
    paths = told(("GET", "/b"), ("GET", "/a/{name}"))["paths"]
    assert isinstance(paths, dict)
    assert list(paths) == ["/a/{name}"]


def test_a_gateway_without_any_has_an_empty_document() -> None:
    assert told()["paths"] == {}
