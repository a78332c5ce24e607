"""How the platform's chat notices a crisis: by keywords, and what it offers then.

One keyword is enough, in any sense, so it misses much and starts at little.  The list is short on
purpose: this is what a gateway's safety scan replaces, not a model for it.
"""

from typing import Any, Final

_KEYWORDS: Final = {
    "suicidal_ideation": ("suicid", "kill myself", "end my life", "want to die"),
    "self_harm": ("self-harm", "hurt myself"),
    "panic_attack": ("panic attack",),
}

SUPPORT: Final = (
    "Thank you for telling me. I'm sorry that it hurts this much, and I'm glad you said it: you"
    " don't have to carry this alone. You can call or text 988 at any time, day or night, and"
    " someone will listen. If you are in immediate danger, please call 911 or go to someone near"
    " you. If you like, we can take one slow breath together now."
)

RESOURCES: Final[list[dict[str, Any]]] = [
    {
        "type": "resource",
        "id": "988_lifeline",
        "label": "988 Suicide & Crisis Lifeline",
        "method": "phone",
        "info": "988",
        "emergency": True,
    },
    {
        "type": "resource",
        "id": "crisis_text_line",
        "label": "Crisis Text Line",
        "method": "text",
        "info": "Text HOME to 741741",
        "emergency": True,
    },
    {
        "type": "resource",
        "id": "emergency_services",
        "label": "Emergency Services",
        "method": "phone",
        "info": "911",
        "emergency": True,
    },
]


def kinds(text: str) -> list[str]:
    """Return the kinds of crisis that the text speaks of, in the platform's words."""
    low = text.lower()
    return [kind for kind, words in _KEYWORDS.items() if any(word in low for word in words)]
