"""Errors: exceptions are faults, and say whose.

GatewayError            something went wrong on the path; carries its Problem
  ClientFault           the client broke a rule (4xx)
  UpstreamFault         the service broke one, or is not there (502-504)
    ConnectFailed       before anything was sent: always safe to try elsewhere
  Full                  there is no room for it now (503)
ConfigError             the operator's file cannot be accepted; at load only
"""

from tta_gateway.kernel.problem import Problem


class GatewayError(Exception):
    """A fault on the path; `problem` says what the client is told, `detail` what went wrong."""

    def __init__(self, problem: Problem, detail: str | None = None) -> None:
        """Keep the kind of error, and what is particular about this one."""
        super().__init__(detail or problem.title)
        self.problem = problem
        self.detail = detail


class ClientFault(GatewayError):
    """The client sent what may not be sent."""


class UpstreamFault(GatewayError):
    """The service answered wrongly, late or not at all."""


class ConnectFailed(UpstreamFault):
    """No connection came about, so nothing of the request has reached the service."""


class Full(GatewayError):
    """There is no room for it; for so many `seconds` nobody else need be sent there."""

    def __init__(self, problem: Problem, *, seconds: float) -> None:
        """Keep how long that lasts."""
        super().__init__(problem)
        self.seconds = seconds


class ConfigError(Exception):
    """The configuration cannot be accepted; `complaints` are all of them, `file:line:column …`."""

    def __init__(self, complaints: list[str]) -> None:
        """Keep every complaint, so that one run shows them all."""
        super().__init__("\n".join(complaints))
        self.complaints = complaints
