"""The platform's plain /health: well as long as it answers, and older than it says."""

from typing import Final

from fastapi import APIRouter

VERSION: Final = "1.0.0"


def router(title: str) -> APIRouter:
    """Return the two routes that every service answers without a token."""
    routes = APIRouter()

    @routes.get("/")
    async def root() -> dict[str, str]:
        return {"message": f"The {title} service is running"}

    @routes.get("/health")
    async def health() -> dict[str, str | bool]:
        return {
            "status": "healthy",
            "service": title,
            "version": VERSION,
            "prometheus_available": False,
            "timestamp": "2025-09-15T12:00:00Z",  # a constant on the platform as well
        }

    return routes
