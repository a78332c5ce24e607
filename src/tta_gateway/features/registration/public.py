"""What it serves to services, on internal listeners."""

from typing import Final

from tta_gateway.kernel.own import internal

SERVICE: Final = "/internal/v1/services/{name}"
INSTANCE: Final = "/internal/v1/services/{name}/instances/{id}"
ROUTES: Final = (
    internal("GET", SERVICE),
    internal("PUT", INSTANCE),
    internal("DELETE", INSTANCE),
)
