"""The words of cards, as the gateway brings them: English.

Safe messaging: warm and short, no method, no blame, no promise; they ask, name somebody, and leave
the choice to who reads them.  They are aligned with public guidance and not clinically validated;
`safety.texts` of the settings holds others, and other languages.
"""

from typing import Final

from tta_gateway.features.safety.bound import Texts

ENGLISH: Final = Texts(
    static_title="Support is available",
    static=(
        "This did not work just now. If you are having a hard time, or are worried about somebody, "
        "you can talk with one of these people."
    ),
    elevated_title="Support is available",
    elevated=(
        "Thank you for saying this. If things feel heavy, for you or for somebody you care about, "
        "it can help to talk with someone. These people listen."
    ),
    high_title="You do not have to face this alone",
    high=(
        "That sounds really hard, and it matters that you said it. Are you safe right now? Please "
        "consider reaching out to somebody you trust, or to one of these people."
    ),
    imminent_title="Please reach out to someone now",
    imminent=(
        "It sounds as if you, or somebody near you, may be in danger. Is there somebody who can "
        "stay with you? You can also talk with one of these people now."
    ),
    danger="If anybody is in danger right now, please call {number}.",
    danger_unknown="If anybody is in danger right now, please call your local emergency number.",
    elsewhere="In another country, findahelpline.com lists who listens there.",
    kept="Your message could not be passed on right now. It has been kept.",
    counted="This message was not passed on, and has not been kept.",
)

SHIPPED: Final = {"en": ENGLISH}
