"""What looks like Latin letters and is not, what nobody sees, and pictures that are words.

Chosen by eye from the Unicode charts; what NFKC makes plain is not here.
"""

from typing import Final

INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e01ef"
)
"""for a class of an expression: marks of no width, of direction, and variation selectors"""

EMOJI: Final = "\u2620\u26b0\U0001f300-\U0001faff"
"""likewise: skull, coffin, and the blocks of pictures"""

_ALIKE: Final = {
    "a": "аαɑаᴀ∂ÅΑАǎª\U0001f170\U0001f130\U0001f150",
    "b": "ЬвʙβΒВƅᖯ\U0001f171\U0001f131\U0001f151",
    "c": "сϲᴄСϹⅽƈ¢ͼ\U0001f172\U0001f132\U0001f152",
    "d": "ԁɗժᴅⅾđÐð\U0001f173\U0001f133\U0001f153",
    "e": "еєɛεҽᴇЕΕ℮ёəз\U0001f174\U0001f134\U0001f154",
    "f": "ƒғꜰϝẝ\U0001f175\U0001f135\U0001f155",
    "g": "ɡɢցԍ\U0001f176\U0001f136\U0001f156",
    "h": "һհʜнНΗħɦ\U0001f177\U0001f137\U0001f157",
    "i": "іιɪıΙІї¡ӏ\U0001f178\U0001f138\U0001f158",
    "j": "јʝᴊЈϳ\U0001f179\U0001f139\U0001f159",
    "k": "кκᴋКΚƙҝ\U0001f17a\U0001f13a\U0001f15a",
    "l": "ⅼʟłℓƖ\u0269ǀІ\U0001f17b\U0001f13b\U0001f15b",
    "m": "мᴍМΜɱⅿ\U0001f17c\U0001f13c\U0001f15c",
    "n": "пոɴηΝиñ\U0001f17d\U0001f13d\U0001f15d",
    "o": "оοօᴏОΟσøØө\U0001f17e\U0001f13e\U0001f15e",
    "p": "рρᴘРΡþ\U0001f17f\U0001f13f\U0001f15f",
    "q": "ԛզգ\U0001f180\U0001f140\U0001f160",
    "r": "гʀяᴦɾ\U0001f181\U0001f141\U0001f161",
    "s": "ѕꜱʂЅՏ§\U0001f182\U0001f142\U0001f162",
    "t": "тτᴛТΤŧ†\U0001f183\U0001f143\U0001f163",
    "u": "υսᴜцµʋ\U0001f184\U0001f144\U0001f164",
    "v": "ѵνᴠⅴѴ\U0001f185\U0001f145\U0001f165",
    "w": "ԝѡωᴡшɯ\U0001f186\U0001f146\U0001f166",
    "x": "хχХΧ×ⅹ\U0001f187\U0001f147\U0001f167",
    "y": "уγүʏУΥýⲩ\U0001f188\U0001f148\U0001f168",
    "z": "ᴢΖʐż\U0001f189\U0001f149\U0001f169",
}

LATIN: Final = {
    ord(char): letter for letter, alike in _ALIKE.items() for char in alike if not char.isascii()
}
