"""Vietnamese text as senders type it, brought to one form for comparison. What is shown or stored stays as sent."""

import re
import unicodedata

_SPACES = re.compile(r"[\s\u200b\u200c\u200d\u2060\ufeff]+")
_DASHES = re.compile(r"\s*[\u2010-\u2015\u2212\-]+\s*")
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc`\u00b4", "'"))
_D_LOOK_ALIKES = str.maketrans(dict.fromkeys("\u00f0\u0256\u00d0\u0189", "đ"))  # of Icelandic and of Ewe: Ð, Ɖ

# Two spellings are in use for a tone on oa, oe, uy (hòa and hoà); one is as good as the other.
_TONES = {
    marked + second: first + unicodedata.normalize("NFC", second + unicodedata.normalize("NFD", marked)[-1])
    for first, second, all_marked in (("o", "a", "òóỏõọ"), ("o", "e", "òóỏõọ"), ("u", "y", "ùúủũụ"))
    for marked in all_marked
}
_TONE = re.compile("|".join(_TONES))


def fold(text: str) -> str:
    """The form in which two texts are compared: case, spaces, dashes and the place of a tone mark aside.

    Accents are kept: they tell words apart (`Thọ`, `Thô`).
    """
    folded = unicodedata.normalize("NFC", text).translate(_APOSTROPHES | _D_LOOK_ALIKES).casefold()
    folded = _DASHES.sub("-", _SPACES.sub(" ", folded).strip())
    return _TONE.sub(lambda match: _TONES[match[0]], folded)


def without_accents(text: str) -> str:
    """The letters alone, for texts typed without Vietnamese marks: `Quý I năm 2022` gives `Quy I nam 2022`."""
    plain = "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))
    return plain.replace("đ", "d").replace("Đ", "D")
