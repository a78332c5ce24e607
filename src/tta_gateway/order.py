"""The pipeline: one list of policies, with the reason for each place.

The first in is the last to finish.  Facts that a policy needs are given by one before it; the start
is refused otherwise (pipeline/check.py).
"""

from typing import Final

from tta_gateway.features.access.policy import Access
from tta_gateway.features.access_log.policy import AccessLog
from tta_gateway.features.admission.policy import Gate, TrafficClass
from tta_gateway.features.allow_from.policy import AllowFrom
from tta_gateway.features.callers.policy import Callers
from tta_gateway.features.chat.policy import Chat
from tta_gateway.features.cors.policy import Cors
from tta_gateway.features.error_records.policy import ErrorRecords
from tta_gateway.features.escalation.policy import Drills
from tta_gateway.features.identity.policy import Identity
from tta_gateway.features.metrics.policy import Metrics
from tta_gateway.features.mirror.policy import Mirror
from tta_gateway.features.nodes.policy import Nodes
from tta_gateway.features.problem.policy import Problem
from tta_gateway.features.ratelimit.policy import EarlyRateLimit, RateLimit
from tta_gateway.features.safety.care import Care
from tta_gateway.features.safety.messages import Messages
from tta_gateway.features.safety.policy import Scan
from tta_gateway.features.security_headers.policy import SecurityHeaders
from tta_gateway.features.shield.policy import ShieldAct, ShieldMark
from tta_gateway.features.split.policy import Split
from tta_gateway.features.sticky.policy import Sticky
from tta_gateway.features.token_relay.policy import TokenRelay
from tta_gateway.features.trace.policy import Trace
from tta_gateway.features.transform.policy import Transform
from tta_gateway.features.websocket_origin.policy import WebSocketOrigin
from tta_gateway.kernel.policy import Policy
from tta_gateway.pipeline.lane import Lane

ORDER: Final[tuple[tuple[type[Policy], str], ...]] = (
    (Trace, "everything after it is inside its span, and can name the exchange"),
    (AccessLog, "finishes last: knows the final status and every duration"),
    (Metrics, "finishes last, for the same reason"),
    (ErrorRecords, "finishes last too, and sees what the client is answered, whoever answers"),
    (Problem, "before anything may refuse, so that every refusal is worded here"),
    (Care, "before anything may refuse, so that whoever is refused is told where help is"),
    (
        Drills,
        "before anything may refuse and have what is said looked at: a drill is nobody's need",
    ),
    (SecurityHeaders, "around whatever is answered below, errors included"),
    (Cors, "a preflight carries no credentials: answer it before asking for any"),
    (
        ShieldMark,
        "counting is cheaper than proving a token, and protects that: what is hostile ends here",
    ),
    (
        AllowFrom,
        "an address costs nothing to ask; behind cors, so that a page can read the refusal",
    ),
    (WebSocketOrigin, "a page of elsewhere must not use a person's cookies: before they are read"),
    (EarlyRateLimit, "counting costs less than proving who somebody is: before that"),
    (Callers, "a token may say for whom a service calls: what it shows of itself comes first"),
    (Identity, "everything below may ask who it is"),
    (ShieldAct, "a blocked address may still carry a known person: their floor needs the name"),
    (Nodes, "whoever has been shut out meanwhile must not be judged by what was: before access"),
    (Access, "refuse before anything is spent on the caller, and whatever the service may be"),
    (TrafficClass, "an open crisis or session lifts the class before any limit counts"),
    (RateLimit, "keyed by a proved name; who may not see a thing at all is told that instead"),
    (
        Messages,
        "whoever is at risk is heard, though a limit would stop the message: behind the limits;"
        " what they say to the gateway itself too: before chat",
    ),
    (Chat, "whatever a client says counts, pings too: behind the limits"),
    (Split, "behind whatever refuses, before whatever depends on the service"),
    (Gate, "the last that refuses; where there are several services, the chosen one's room counts"),
    (Lane, "behind all whose refusals may wait: it looks before one stands, and a crisis goes on"),
    (Scan, "what is let in is looked at before a service hears it, and what that answers, first"),
    (Sticky, "what sticks is the chosen service's to say"),
    (TokenRelay, "what a service is shown of who is asking is the chosen one's to say"),
    (Transform, "last in, first out: the service sees exactly this, the others never do"),
    (Mirror, "copies what the service sees, once nobody refuses it any more"),
)

CHANNELS: Final = frozenset(
    (
        *(Trace, Metrics, EarlyRateLimit, Callers, Identity, ShieldAct, Nodes, Access),
        *(TrafficClass, RateLimit),
    )
)
"""Those that commands of the hub run through, in the same order: whoever judges who asks, and how
much.  The others are about HTTP, or about a service behind it."""
