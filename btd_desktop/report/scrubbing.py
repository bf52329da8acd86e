"""Texts cleared of names, identities, dates, UIDs and names of files.

A name is found however it is written: in any letter case, composed or decomposed
(Unicode NFC, NFD), with its accents or without, transliterated (ue for ü, ss for ß),
in Cyrillic or Greek letters, with other separators or none, with invisible characters
in between, its parts in any order and run together. Names in other scripts are found as
the headers write them. Dates are found by their looks, those of the headers without
separators and century too.

Where a sentence quotes a file, the quotation is withheld as a whole: what the headers
do not say of a person may still stand in a description. A scrubber that could not learn
all that the headers say is blind and withholds every sentence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations
from typing import Final

WITHHELD: Final = "withheld"

_ANYWHERE: Final = 5
"""Texts of this length are replaced inside words too."""
_SHORTEST: Final = 3
"""Shorter texts are found as two capitals or a capitalised pair only; else every "12"
and every "of" would be replaced."""
_LONG_NUMBER: Final = 5
_MOST_PARTS: Final = 6

_LETTERS: Final = {
    "æ": "a", "œ": "o", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i",
    "þ": "th", "ŋ": "n", "ß": "s",
    # Cyrillic, as passports and BGN/PCGN write it; `_PAIRS` evens out other spellings.
    "а": "a", "б": "b", "в": "v", "г": "g", "ґ": "g", "д": "d", "е": "e", "є": "ie",
    "ж": "zh", "з": "z", "и": "i", "і": "i", "й": "i", "к": "k", "л": "l", "м": "m",
    "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ы": "y", "э": "e",
    "ю": "iu", "я": "ia", "ъ": "", "ь": "", "ј": "j", "љ": "lj", "њ": "nj", "ћ": "c",
    "ђ": "d", "џ": "dz",
    # Greek, after ISO 843.
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th",
    "ι": "i", "κ": "k", "λ": "l", "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p",
    "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "y", "φ": "f", "χ": "ch", "ψ": "ps",
    "ω": "o",
}  # fmt: skip
_PAIRS: Final = {"ae": "a", "oe": "o", "ue": "u", "aa": "a", "ss": "s"}
"""Ways in which ä, ö, ü, å and ß are written without these letters."""

_QUOTES: Final = re.compile(r"[\"“”„«»‘‚‹›]")
_UID: Final = re.compile(r"(?<![\w.])\d+(?:\.\d+){4,}(?![\w])")
_STANDARD_UID: Final = "1.2.840.10008."
_FILE: Final = re.compile(
    r"\S+\.(?:dcm|ima|zip|nii|gz|nrrd|nhdr|mha|mhd|raw|txt|pdf|xml|jpe?g|png)\b"
    r"|(?<!\S)(?:[A-Za-z]:)?[\\/][^\s]+",
    re.IGNORECASE,
)
_BETWEEN: Final = r"\s?[-./\s_·|‐‑–—−]\s?"
_NUMERIC_DATE: Final = re.compile(
    rf"(?<!\d)(?<!\d[.,])(\d{{1,4}}){_BETWEEN}(\d{{1,2}}){_BETWEEN}(\d{{2,4}})"
    r"(?!\d|[.,]\d)"
)
_OTHER_DATE: Final = re.compile(
    r"(?<!\d)(?:1[89]|20)\d\d(?::\d\d:\d\d|-[0-3]\d\d)(?!\d)"  # EXIF, ordinal
    r"|(?:\d{2,4}年)?\d{1,2}月\d{1,2}日"
    r"|(?<![\w.])\d{1,2}[-./\s]{1,2}[ivx]{1,4}[-./\s]{1,2}(?:\d{4}|\d{2})(?!\w)"
)
_COMPACT_DATE: Final = re.compile(r"(?<!\d)\d{8}(?:\d{4,6})?(?!\d)")
# Months in eight languages as `skeleton` leaves them, whole and cut short.
_MONTHS: Final = (
    "jan(?:uary?|uar|vier|eiro)?|enero|ene|gennaio|gen|januari"
    "|feb(?:ruary|ruar|ruari|rero|braio)?|fev(?:rier|ereiro)?|fevr"
    "|mar(?:ch|z|s|zo|co|t)?|mrt"
    "|apr(?:il|ile)?|avr(?:il)?|abr(?:il)?"
    "|may|mai|maj|mayo|maio|maggio|mag|mei"
    "|june?|juni|juin|junio|junho|giugno|giu"
    "|july?|juli|juil(?:let)?|julio|julho|luglio|lug"
    "|aug(?:ust|usti|ustus)?|aout|ago(?:sto)?"
    "|sept?(?:ember|embre|tembre|tiembre)?|set(?:tembre|embro)?"
    "|oct(?:ober|obre|ubre)?|okt(?:ober)?|ott(?:obre)?|out(?:ubro)?"
    "|nov(?:ember|embre|iembre|embro)?"
    "|dec(?:ember|embre)?|dez(?:ember|embro)?|dic(?:embre|iembre)?"
)
# Without a year only where the month is no other word ("3 may be", "2 out of 7").
_DAY_AND_MONTH: Final = re.compile(
    r"(?<!\w)\d{1,2}\s*(?:st|nd|rd|th|\.)?[-\s./]*(?:of\s+|de\s+)?"
    r"(?:jan(?:uary|uar|vier)?|feb(?:ruary|ruar)?|april|june?|july?|juni|juli|"
    r"aug(?:ust)?|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)"
    r"(?![a-z])\.?"
)
_DATE_WITH_MONTH: Final = re.compile(
    r"(?<!\w)(?:\d{1,4}\s*(?:st|nd|rd|th|\.)?[-\s./]*(?:of\s+|de\s+)?)?"
    rf"(?:{_MONTHS})(?![a-z])\.?,?[-\s./]*(?:de\s+)?\d{{1,4}}"
    r"(?:\s*(?:st|nd|rd|th)?,?[-\s./]+\d{2,4})?(?!\w)"
)

_Piece = tuple[str, bool]
"""A stretch of text, and whether it replaces something that was taken out."""


def skeleton(text: str) -> tuple[str, list[int]]:
    """A text without the variations of its spelling, for comparison.

    Returns:
        Letters and signs, case folded, without accents and invisible characters,
        transliterated; and for each the index in the text that it came from.
    """
    letters: list[str] = []
    origin: list[int] = []
    for index, character in enumerate(text):
        for part in unicodedata.normalize("NFKD", character.casefold()):
            if unicodedata.category(part) in ("Mn", "Me", "Cf"):
                continue
            for letter in _LETTERS.get(part, part):
                pair = (letters[-1] if letters else "") + letter
                if pair in _PAIRS:
                    letters[-1] = _PAIRS[pair]
                else:
                    letters.append(letter)
                    origin.append(index)
    return "".join(letters), origin


def forms_of_name(name: str) -> Iterator[str]:
    """A name as headers write it, its parts, and each two of them in both orders."""
    yield name
    parts = [part for part in re.split(r"[\W_]+", name) if part]
    yield from parts
    for pair in permutations(dict.fromkeys(parts[:_MOST_PARTS]), 2):
        yield " ".join(pair)


def forms_of_date(date: str) -> Iterator[str]:
    """A date of a header (YYYYMMDD) as digits in other orders, without century too."""
    digits = re.sub(r"\D+", "", date)[:8]
    if len(digits) == 8:
        year, month, day = digits[:4], digits[4:6], digits[6:]
        for first in (year, year[2:]):
            yield first + month + day
            yield day + month + first
            yield month + day + first


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", skeleton(text)[0])


@dataclass(frozen=True, slots=True)
class Scrubber:
    """Takes known texts out, and whatever looks like a date, a UID or a file.

    Attributes:
        identities: Squeezed skeletons of names, numbers and dates of people to their
            pseudonyms; few.
        names: Names of files and UIDs to their pseudonyms; may be very many.
        is_blind: What the headers say of people is not known in full.
    """

    identities: Mapping[str, str]
    names: Mapping[str, str]
    _pattern: re.Pattern[str]
    _pairs: re.Pattern[str]
    _by_length: tuple[tuple[int, Mapping[str, str]], ...]
    is_blind: bool = False

    @classmethod
    def of(
        cls,
        identities: Mapping[str, str],
        names: Mapping[str, str],
        *,
        is_blind: bool = False,
    ) -> Scrubber:
        """A scrubber that knows these texts, each given with its pseudonym."""
        known = {_squeezed(text): alias for text, alias in identities.items()}
        texts = [text for text in identities if len(text.strip()) >= _SHORTEST]
        pairs = [t.strip() for t in identities if len(t.strip()) == _SHORTEST - 1]
        lengths: dict[int, dict[str, str]] = {}
        for name, alias in names.items():
            shape = skeleton(name)[0]
            if len(name) >= _SHORTEST:
                lengths.setdefault(len(shape), {})[shape] = alias
        return cls(
            known,
            names,
            _pattern_of(texts),
            _pattern_of_pairs(pairs),
            tuple(sorted(lengths.items(), reverse=True)),
            is_blind,
        )

    def with_names(self, names: Mapping[str, str]) -> Scrubber:
        """This scrubber with further names of files, each with its pseudonym."""
        more = {**self.names, **names}
        fresh = Scrubber.of({}, more)
        return replace(self, names=more, _by_length=fresh._by_length)

    def clean(self, text: str) -> str:
        """The text with known texts replaced, and the rest of it withheld.

        The rest: quotations, and what looks like a date, a UID or the name of a file.
        A blind scrubber withholds the whole text.
        """
        if self.is_blind:
            return WITHHELD if text.strip() else text
        pieces: list[_Piece] = [(text, False)]
        steps: tuple[Callable[[str], Iterable[_Piece]], ...] = (
            self._without_quotations,
            self._without_names,
            lambda part: _found(part, _UID, _uid_or_withheld),
            lambda part: _found_in_shape(part, self._pattern, self._alias, alone=True),
            lambda part: _found(part, self._pairs, self._alias),
            lambda part: _found(part, _FILE, lambda _: "file withheld"),
            *(
                partial(_found_in_shape, pattern=pattern, alias=lambda _: WITHHELD)
                for pattern in (_DATE_WITH_MONTH, _DAY_AND_MONTH, _OTHER_DATE)
            ),
            partial(_found_in_shape, pattern=_NUMERIC_DATE, alias=_date_or_same),
            partial(_found_in_shape, pattern=_COMPACT_DATE, alias=_compact_or_same),
        )
        for step in steps:
            pieces = [
                part
                for piece, done in pieces
                for part in ([(piece, True)] if done else step(piece))
            ]
        return "".join(piece for piece, _ in pieces)

    def _without_quotations(self, text: str) -> Iterable[_Piece]:
        """Everything from the first quotation mark to the last one withheld.

        A value may itself hold quotation marks, so pairs cannot be told apart; where
        their number is odd, the closing one was cut off.
        """
        marks = [match.start() for match in _QUOTES.finditer(text)]
        if not marks:
            return [(text, False)]
        first, last = marks[0], marks[-1]
        end = last if len(marks) % 2 == 0 else len(text)
        known = self.names.get(text[first + 1 : end], WITHHELD)
        closing = text[end : end + 1]
        return [
            (text[:first], False),
            (f"{text[first]}{known}{closing}", True),
            (text[end + 1 :], False),
        ]

    def _without_names(self, text: str) -> Iterable[_Piece]:
        shape, origin = skeleton(text)
        found: list[tuple[int, int, str]] = []
        at = 0
        while at < len(shape):
            alias, length = self._name_at(shape, at)
            if alias:
                found.append((at, at + length, alias))
            at += length
        return _replaced(text, origin, found)

    def _name_at(self, shape: str, at: int) -> tuple[str, int]:
        # A name starts where a word starts and ends where a word ends: a file called
        # "art" leaves "start" alone.
        if at and shape[at - 1].isalnum() and shape[at].isalnum():
            return "", 1
        for length, names in self._by_length:
            end = at + length
            if end > len(shape) or (end < len(shape) and shape[end].isalnum()):
                continue
            alias = names.get(shape[at:end])
            if alias is not None:
                return alias, length
        return "", 1

    def _alias(self, text: str) -> str:
        return self.identities.get(_squeezed(text), WITHHELD)


def _pattern_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Each text with any separators, or none, between its words."""
    choices = []
    for text in sorted(texts, key=len, reverse=True):
        words = re.findall(r"[^\W_]+", skeleton(text)[0])
        if not words:
            continue
        joined = "".join(words)
        if joined.isdigit() and len(joined) >= _LONG_NUMBER:
            words = list(joined)
        pattern = r"[\W_]*".join(map(re.escape, words))
        if len(joined) < _ANYWHERE and not joined.isalpha():
            side = r"\d" if joined.isdigit() else r"[^\W_]"
            pattern = rf"(?<!{side}){pattern}(?!{side})"
        choices.append(pattern)
    return re.compile("|".join(choices) or r"(?!)")


def _pattern_of_pairs(texts: Iterable[str]) -> re.Pattern[str]:
    choices = {
        re.escape(form)
        for text in texts
        if text.isalpha()
        for form in (text.upper(), text.capitalize())
    }
    joined = "|".join(sorted(choices))
    return re.compile(rf"(?<!\w)(?:{joined})(?!\w)" if joined else r"(?!)")


def _replaced(
    text: str, origin: list[int], found: Iterable[tuple[int, int, str]]
) -> Iterable[_Piece]:
    """Pieces of a text; what was found is given by places in its skeleton."""
    at = 0
    for start, end, alias in found:
        first = origin[start]
        last = origin[end] if end < len(origin) else len(text)
        # A character may give two letters, of which the match holds one.
        last = max(last, origin[end - 1] + 1)
        yield text[at:first], False
        yield alias, True
        at = last
    yield text[at:], False


def _found_in_shape(
    text: str,
    pattern: re.Pattern[str],
    alias: Callable[[str], str],
    *,
    alone: bool = False,
) -> Iterable[_Piece]:
    """Matches in the skeleton of a text; `alone`: short words only by themselves."""
    shape, origin = skeleton(text)
    found = []
    for match in pattern.finditer(shape):
        start, end = match.span()
        replaced = alias(match.group())
        if start == end or replaced == match.group():
            continue
        ends = origin[start], origin[end] if end < len(origin) else len(text)
        if not alone or end - start >= _ANYWHERE or _stands_alone(text, *ends):
            found.append((start, end, replaced))
    return _replaced(text, origin, found)


def _stands_alone(text: str, first: int, stop: int) -> bool:
    """Whether letters at both sides, if any, belong to other words: "DoeScan2"."""
    before, after = text[max(first - 1, 0) : first], text[stop : stop + 1]
    starts = before.islower() and text[first].isupper()
    ends = after.isupper() and text[stop - 1].islower()
    return (starts or not before.isalpha()) and (ends or not after.isalpha())


def _found(
    text: str, pattern: re.Pattern[str], alias: Callable[[str], str]
) -> Iterable[_Piece]:
    at = 0
    for match in pattern.finditer(text):
        replaced = alias(match.group())
        if replaced != match.group():
            yield text[at : match.start()], False
            yield replaced, True
            at = match.end()
    yield text[at:], False


def _uid_or_withheld(uid: str) -> str:
    return uid if uid.startswith(_STANDARD_UID) else WITHHELD


def _date_or_same(text: str) -> str:
    parts = re.findall(r"\d+", text)
    widths = [len(part) for part in parts]
    a, b, c = map(int, parts)
    year_first = widths[0] == 4 and _is_day(b, c)
    year_last = widths[2] in (2, 4) and widths[0] <= 2 and (
        _is_day(b, a) or _is_day(a, b)
    )  # fmt: skip
    return WITHHELD if year_first or year_last else text


def _is_day(month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= 31


def _compact_or_same(text: str) -> str:
    a, b, c, d = (int(text[at : at + 2]) for at in range(0, 8, 2))
    centuries = (18, 19, 20)
    ymd = a in centuries and _is_day(c, d)
    dmy = c in centuries and (_is_day(b, a) or _is_day(a, b))
    return WITHHELD if ymd or dmy else text
