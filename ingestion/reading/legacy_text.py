"""Vietnamese typed in the fonts of before Unicode: TCVN3 (.VnTime and its kin) and VNI.

Such text arrives as Latin letters that make no sense (`Hé nghÌo`, `Hoä ngheøo` for `Hộ nghèo`). It is told sheet by
sheet by what only makes sense in that code: words that are no Vietnamese syllables as they stand, and are when decoded.
A cell is repaired only when coding its text again gives exactly what was sent; what cannot be is marked, never guessed.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import polars as pl

from ingestion.reading.sheet import Broken, Cells, Sheet

# --- the codes --------------------------------------------------------------------------------------------------------

_TCVN3_BYTES = bytes.fromhex(
    "b5b6b7b8b9 a8bbbcbdbec6 a9c7c8c9cacb ae cccecfd0d1 aad2d3d4d5d6 d7d8dcddde dfe1e2e3e4 abe5e6e7e8e9 aceaebecedee"
    "eff1f2f3f4 adf5f6f7f8f9 fafbfcfdfe a1a2a7a3a4a5a6"
)
_TCVN3 = dict(
    zip(
        _TCVN3_BYTES.decode("latin-1"),
        "àảãáạăằẳẵắặâầẩẫấậđèẻẽéẹêềểễếệìỉĩíịòỏõóọôồổỗốộơờởỡớợùủũúụưừửữứựỳỷỹýỵĂÂĐÊÔƠƯ",
        strict=True,
    )
)

_GRAVE, _ACUTE, _TILDE, _HOOK, _DOT = "\u0300", "\u0301", "\u0303", "\u0309", "\u0323"
_CIRCUMFLEX, _BREVE = "\u0302", "\u0306"
# In VNI a mark is a letter of its own behind the vowel; ơ and ư, and i with a mark, are single letters.
_VNI_TONES = {"ø": _GRAVE, "ù": _ACUTE, "õ": _TILDE, "û": _HOOK, "ï": _DOT}
_VNI_CIRCUMFLEX = {"â": "", "à": _GRAVE, "á": _ACUTE, "ã": _TILDE, "å": _HOOK, "ä": _DOT}
_VNI_BREVE = {"ê": "", "è": _GRAVE, "é": _ACUTE, "ü": _TILDE, "ú": _HOOK, "ë": _DOT}
_VNI_SINGLE = {"ô": "ơ", "ö": "ư", "ñ": "đ", "ì": "ì", "í": "í", "ó": "ĩ", "æ": "ỉ", "ò": "ị", "î": "ỵ"}


def _vni() -> dict[str, str]:
    lower = dict(_VNI_SINGLE)
    for typed, vowel in {"a": "a", "e": "e", "o": "o", "u": "u", "y": "y", "ô": "ơ", "ö": "ư"}.items():
        lower |= {typed + mark: vowel + tone for mark, tone in _VNI_TONES.items() if (typed, mark) != ("y", "ï")}
    for vowel in "aeo":
        lower |= {vowel + mark: vowel + _CIRCUMFLEX + tone for mark, tone in _VNI_CIRCUMFLEX.items()}
    lower |= {"a" + mark: "a" + _BREVE + tone for mark, tone in _VNI_BREVE.items()}
    lower = {typed: unicodedata.normalize("NFC", letter) for typed, letter in lower.items()}
    return lower | {typed.upper(): letter.upper() for typed, letter in lower.items()}


@dataclass(frozen=True)
class LegacyCode:
    """A code of before Unicode: what was typed, as Latin letters, to the letter meant."""

    name: str
    letters: Mapping[str, str]

    def decode(self, text: str) -> str:
        """What was meant; letters that are none of the code stay."""
        return _pattern(self.name).sub(lambda match: self.letters[match[0]], text)

    def encode(self, text: str) -> str:
        """What was typed for a text."""
        return "".join(map(_typed(self.name).get, text, text))

    def is_exact(self, text: str) -> bool:
        """Whether nothing is lost or guessed by decoding."""
        return self.encode(self.decode(text)) == text


TCVN3, VNI = LegacyCode("TCVN3", _TCVN3), LegacyCode("VNI", _vni())
_CODES = {code.name: code for code in (TCVN3, VNI)}


@lru_cache
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile("|".join(sorted(map(re.escape, _CODES[name].letters), key=len, reverse=True)))


@lru_cache
def _typed(name: str) -> dict[str, str]:
    return {letter: typed for typed, letter in _CODES[name].letters.items()}


# --- syllables --------------------------------------------------------------------------------------------------------

_ONSETS = frozenset(re.findall(r"\w+", "b c ch d đ g gh gi h k kh l m n ng ngh nh p ph qu q r s t th tr v x")) | {""}
_RHYMES = frozenset(
    re.findall(
        r"\w+",
        """
        a ac ach ai am an ang anh ao ap at au ay ăc ăm ăn ăng ăp ăt âc âm ân âng âp ât âu ây
        e ec em en eng eo ep et ê êch êm ên ênh êp êt êu
        i ia ich iêc iêm iên iêng iêp iêt iêu im in inh ip it iu
        o oa oac oach oai oan oang oanh oao oap oat oay oc oe oen oeo oet oi om on ong ooc oong op ot
        oăc oăm oăn oăng oăt ô ôc ôi ôm ôn ông ôp ôt ơ ơi ơm ơn ơp ơt
        u ua uân uâng uât uây uc uê uêch uênh ui um un ung uôc uôi uôm uôn uông uôt uơ up ut
        uy uya uych uyên uyêt uynh uyt uyu ư ưa ưc ưi ưm ưng ươc ươi ươm ươn ương ươp ươt ươu ưt ưu
        y ych yêm yên yêng yêt yêu ynh yt
        """,
    )
)
_TONES = re.compile(f"[{_GRAVE}{_ACUTE}{_TILDE}{_HOOK}{_DOT}]")
_SYLLABLE = re.compile(r"(qu|gi|ngh|[ckgnpt]h|ng|tr|[bcdđghklmnpqrstvx]?)(.*)")
_STOPS = ("c", "p", "t", "ch")


@lru_cache(maxsize=20_000)
def _is_syllable(word: str) -> bool:
    """Whether a word in lower case may be a Vietnamese syllable."""
    apart = unicodedata.normalize("NFD", word)
    tones = _TONES.findall(apart)
    bare = unicodedata.normalize("NFC", _TONES.sub("", apart))
    if len(tones) > 1:
        return False
    parts = _SYLLABLE.fullmatch(bare)
    for onset, rhyme in ((parts[1], parts[2]), (parts[1][:1], parts[1][1:] + parts[2])) if parts else ():
        if onset not in _ONSETS or rhyme not in _RHYMES:
            continue
        before_front = rhyme[0] in "eêiy"
        if (onset in ("k", "gh", "ngh") and not before_front) or (onset in ("c", "ng") and before_front):
            continue
        if rhyme.endswith(_STOPS) and tones not in ([_ACUTE], [_DOT]):
            continue
        return True
    return False


def _makes_sense(word: str) -> bool:
    """Whether a word is Vietnamese as it stands: a syllable, with capitals where they belong."""
    return (word.islower() or word.isupper() or word.istitle()) and _is_syllable(word.lower())


# --- cells ------------------------------------------------------------------------------------------------------------

_WORD = re.compile("[A-Za-z\u00a1-\u00ff]*[\u00a1-\u00ff][A-Za-z\u00a1-\u00ff]*")
_WIDE = re.compile("[\u0100-\u1fff]")  # letters that no legacy code has
_PLAIN = re.compile("[A-Za-z]")
# What proper Vietnamese does not hold; most sheets are passed over by this alone.
_SUSPICIOUS = (
    "[\u00a1-\u00bf\u00c4-\u00c7\u00cb\u00ce-\u00d1\u00d6-\u00d8\u00db\u00dc\u00de\u00df\u00e4-\u00e7\u00eb\u00ee-\u00f1"
    "\u00f6-\u00f8\u00fb\u00fc\u00fe\u00ff]|[a-z][\u00c0-\u00dd]|[aA][ùõâáàãêéèúÙÕÂÁÀÃÊÉÈÚ]|[eE][ùõâáàãÙÕÂÁÀÃ]"
)


@dataclass(frozen=True, slots=True)
class _Judged:
    """One text under a code: of its words those that the code would change."""

    words: int
    """With a plain letter among them: signs that stand alone tell nothing."""
    makes_sense: bool
    """Each as it stands, of those with a plain letter."""
    stays: bool
    """Each as it stands."""
    decodes: bool
    """Exactly, and to nothing but Vietnamese words."""
    is_wide: bool


def _judge(text: str, code: LegacyCode) -> _Judged:
    words = [word for word in _WORD.findall(text) if code.decode(word) != word]
    telling = [word for word in words if _PLAIN.search(word)]
    is_wide = _WIDE.search(text) is not None
    return _Judged(
        words=len(telling),
        makes_sense=all(map(_makes_sense, telling)),
        stays=all(map(_makes_sense, words)),
        decodes=bool(telling)
        and not is_wide
        and code.is_exact(text)
        and all(_is_syllable(code.decode(word).lower()) for word in telling),
        is_wide=is_wide,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    code: LegacyCode
    rules: bool
    """Whether more cells are in the code than in Unicode, so that a text that might be either is in the code."""


_FEW = 3


def find_code(texts: Iterable[str]) -> LegacyCode | None:
    """The code in which most of some texts are typed, if any."""
    found = _find(texts)
    return found.code if found and found.rules else None


def _find(texts: Iterable[str]) -> _Found | None:
    accented = [text for text in set(texts) if not text.isascii()]
    best, most = None, 0
    for code in _CODES.values():
        judged = [_judge(text, code) for text in accented]
        evident = [one for one in judged if one.decodes and not one.makes_sense]
        senseless = sum(not one.makes_sense and not one.is_wide for one in judged)
        proper = sum(one.is_wide or (one.makes_sense and one.words > 0 and not one.decodes) for one in judged)
        is_there = len(evident) >= _FEW or any(one.words > 1 for one in evident)
        if is_there and len(evident) * 5 >= senseless * 3 and len(evident) > most:
            best, most = _Found(code, rules=len(evident) > proper), len(evident)
    return best


def _repaired(text: str, found: _Found) -> str | None:
    """The text meant; as it stands when it is in no code; None when it is, but cannot be told exactly."""
    if text.isascii():
        return text
    code, judged = found.code, _judge(text, found.code)
    if judged.decodes and (found.rules or not judged.makes_sense):
        return _with_capitals(text, code)
    if not found.rules or judged.stays:
        return text
    if judged.is_wide or not code.is_exact(text):
        return None
    return _with_capitals(text, code)


def _with_capitals(text: str, code: LegacyCode) -> str:
    """Decoded, and in capitals where a font of capitals was used: it shows the codes of small letters as capitals."""
    if not re.search("[a-z]", text) and re.search("[A-Z][^ ]*[A-Z]", text):
        return code.decode(text).upper()
    return _WORD.sub(lambda match: _word_with_capitals(match[0], code), text)


def _word_with_capitals(word: str, code: LegacyCode) -> str:
    meant = code.decode(word)
    plain = "".join(_PLAIN.findall(word))
    return meant.upper() if len(plain) > 1 and plain.isupper() else meant


def without_legacy(sheet: Sheet) -> Sheet:
    """The sheet in Unicode. A cell that cannot be repaired exactly is blank, and among `broken`."""
    if not any(_is_suspicious(cells) for cells in sheet.columns):
        return sheet
    found = _find(
        text for cells in sheet.columns if cells.text is not None for text in cells.text.drop_nulls().unique().to_list()
    )
    if found is None:
        return sheet
    columns, broken = [], list(sheet.broken)
    for index, cells in enumerate(sheet.columns):
        if cells.text is None:
            columns.append(cells)
            continue
        texts = cells.text.drop_nulls().unique()
        repaired = [_repaired(text, found) for text in texts.to_list()]
        lost = [text for text, meant in zip(texts.to_list(), repaired, strict=True) if meant is None]
        if lost:
            rows = cells.text.is_in(lost).fill_null(False).arg_true()
            broken += [Broken(row, index, cells.text[row], is_garbled=True) for row in rows]
        columns.append(replace(cells, text=_replaced(cells.text, texts, repaired)))
    return replace(sheet, columns=columns, broken=broken)


def _is_suspicious(cells: Cells) -> bool:
    return cells.text is not None and bool(cells.text.str.contains(_SUSPICIOUS).any())


def _replaced(series: pl.Series, old: pl.Series, new: list[str | None]) -> pl.Series:
    return series.replace_strict(old, pl.Series(new, dtype=pl.String), return_dtype=pl.String)
