"""What a worker needs to know whom it admits first."""

import msgspec

from tta_gateway.kernel.traffic import TrafficClass


class AdmissionBound(msgspec.Struct, frozen=True, kw_only=True):
    """How room is shared; each tuple has an entry for each class, the highest first.

    `reserved` are per cent of a service's room, `patience` how long one may wait, in seconds.  At
    most `waiting` wait for a service in a worker, and no service is asked `least` or fewer at once
    by it that has more to do.  `administrative` are the roles whose holders, where they have no
    others, are standard at most.
    """

    enabled: bool = True
    reserved: tuple[int, ...] = (10, 40, 5, 0)
    patience: tuple[float, ...] = (10.0, 3.0, 2.0, 0.5)
    waiting: int = 512
    least: int = 2
    administrative: tuple[str, ...] = ("admin",)


class RouteAdmission(msgspec.Struct, frozen=True, kw_only=True):
    """The class that a route says."""

    traffic: TrafficClass = "therapeutic"
