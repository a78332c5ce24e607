"""What is counted of safety."""

from typing import Final

from tta_gateway.support.metrics import Metric

HELPS: Final = Metric(
    "tta_gateway_safety_help_total",
    "counter",
    "Answers that carried help: errors of the gateway's own with a card (`error_card`) or the field"
    " alone (`error_field`), and answers to people at risk with a block (`answer_block`) or without"
    " (`answer_field`).",
    ("kind",),
)
FOUND: Final = Metric(
    "tta_gateway_safety_requests_total",
    "counter",
    "Requests whose bodies were looked at, by the mode of their route and the level found.",
    ("mode", "level"),
)
UNSEEN: Final = Metric(
    "tta_gateway_safety_unseen_total",
    "counter",
    "Bodies of a `request` or an `answer` that were not looked at, or not as a whole, and why: a"
    " `coding` that is not known, `undecodable`, `too_large` once decoded, the `middle` of a long"
    " one, a `kind` that is no text, `time` that looking would have taken too long, a `fault` of"
    " ours.",
    ("side", "why"),
)
MODERATED: Final = Metric(
    "tta_gateway_safety_moderated_total",
    "counter",
    "Texts for the moderator outside, by what came of it: it has `raised` the level, `agreed` (or"
    " said less), or `failed` to answer; `dropped` were those beyond what may wait, `left_alone`"
    " those that came while it was not asked because it had failed again and again.",
    ("outcome",),
)
WITHHELD: Final = Metric(
    "tta_gateway_safety_withheld_total",
    "counter",
    "Answers of services that were not shown, or not to their end, by the level that was found.",
    ("level",),
)
LOST: Final = Metric(
    "tta_gateway_safety_reports_lost_total",
    "counter",
    "Reports of somebody in need that could not be made durable.",
)
UNRECORDED: Final = Metric(
    "tta_gateway_safety_unrecorded_total",
    "counter",
    "Messages of somebody in need that have no record of their own: a minute has enough of theirs,"
    " and one record tells of the rest.",
)
HEARD: Final = Metric(
    "tta_gateway_safety_messages_total",
    "counter",
    "Messages of people through sockets that were looked at, by the level that they come to.",
    ("level",),
)
REPLACED: Final = Metric(
    "tta_gateway_safety_replaced_total",
    "counter",
    "Messages of services, by the route or kind of channels, of which something was not shown.",
    ("route",),
)
