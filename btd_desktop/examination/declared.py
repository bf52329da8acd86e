"""What was to be tested, declared in the audit log, and whether before the scores.

Two tests: the search of a domain, and places that somebody named. An error rate holds
for a test that was chosen before its result was seen. So the declaration that stood
when scoring began decides the conclusion; a later one is a change, which is told with
the answer that it gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from btd_desktop.calibration.level import PARTS, WHOLE_BODY, Domain, domain_text
from btd_desktop.cases import audit
from btd_desktop.errors import CaseError, SettingsError
from btd_desktop.strict_json import Count, plain_json, record_from_json

if TYPE_CHECKING:
    from btd_desktop.cases.model import AuditEntry, SeriesRecord
    from btd_desktop.cases.store import CaseStore

DOMAINS: tuple[Domain, ...] = (WHOLE_BODY, *PARTS)


@dataclass(frozen=True, slots=True, order=True)
class NamedPlace:
    """A place that somebody named.

    Attributes:
        slice_index: From 0.
        y: Row, px.
        x: Column, px.
        series: Number of the series in the case; 0 before it is known.
    """

    slice_index: Count
    y: Count
    x: Count
    series: Count = 0

    def is_at(self, slice_index: int, y: float, x: float) -> bool:
        """A finding there is this place, whatever its series."""
        return (slice_index, round(y), round(x)) == self.voxel

    @property
    def voxel(self) -> tuple[int, int, int]:
        """(slice, row, column), from 0."""
        return self.slice_index, self.y, self.x

    @property
    def text(self) -> str:
        """As it is typed: "X,Y,SLICE", the slice from 1, after "SERIES:" if stated."""
        series = f"{self.series}:" if self.series else ""
        return f"{series}{self.x},{self.y},{self.slice_index + 1}"


@dataclass(frozen=True, slots=True)
class Mandate:
    """What is to be tested.

    Attributes:
        domain: What the search looks through.
        places: Places that the mandate or the examiner names.
    """

    domain: Domain = WHOLE_BODY
    places: tuple[NamedPlace, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a place that is named twice."""
        if len(set(self.places)) < len(self.places):
            raise ValueError("a place is named twice")

    def of_series(self, series_id: int) -> tuple[NamedPlace, ...]:
        """Places named in one series of the case."""
        return tuple(p for p in self.places if p.series == series_id)


_WHOLE = Mandate()


@dataclass(frozen=True, slots=True)
class Declaration:
    """Mandate as they were declared.

    Attributes:
        mandate: What is to be tested.
        utc: When; "" where nobody declared anything and the program's own rule stands.
        actor: Who; "" likewise.
    """

    mandate: Mandate = _WHOLE
    utc: str = ""
    actor: str = ""


UNDECLARED = Declaration()


@dataclass(frozen=True, slots=True)
class Declared:
    """The declarations of a case.

    Attributes:
        first: That which stood when the first scoring began: it decides. Where none
            did, the whole body is searched and no place is tested.
        changes: Later ones, oldest first.
    """

    first: Declaration = UNDECLARED
    changes: tuple[Declaration, ...] = ()

    @property
    def now(self) -> Declaration:
        """The one in force: what is shown, and what a next scoring starts under."""
        return self.changes[-1] if self.changes else self.first


NOTHING_DECLARED = Declared()


def declared_in(store: CaseStore) -> Declared:
    """The declarations of a case.

    Raises:
        CaseError: An entry of the audit log is no declaration.
    """
    first = UNDECLARED
    changes: list[Declaration] = []
    runs = store.audit_log(audit.RUN_STARTED)
    for entry in store.audit_log(audit.DECLARED):
        declaration = Declaration(_mandate_of(entry), entry.utc, entry.actor)
        if runs and entry.seq > runs[0].seq:
            changes.append(declaration)
        else:
            first = declaration
    return Declared(first, tuple(changes))


def mandate_text(mandate: Mandate) -> str:
    """What is to be tested, in a sentence without its full stop."""
    n = len(mandate.places)
    several = "s" if n > 1 else ""
    named = "; ".join(place.text for place in mandate.places)
    return f"search of {domain_text(mandate.domain)}" + (
        f"; {n} named place{several} (series:x,y,slice): {named}" if n else ""
    )


def declared_lines(declared: Declared) -> tuple[str, ...]:
    """What was declared when by whom, one sentence each."""
    first = declared.first
    lines = [
        f"Declared on {first.utc[:10]} by {first.actor}, before scoring: "
        f"{mandate_text(first.mandate)}."
        if first.utc
        else f"Nothing was declared before scoring; the program's rule stands: "
        f"{mandate_text(first.mandate)}."
    ]
    lines += [
        f"Changed on {change.utc[:10]} by {change.actor}, after scoring had begun: "
        f"{mandate_text(change.mandate)}."
        for change in declared.changes
    ]
    return tuple(lines)


def details_of(mandate: Mandate) -> dict[str, object]:
    """What the audit log keeps of a declaration."""
    return {"mandate": plain_json(mandate)}


def _mandate_of(entry: AuditEntry) -> Mandate:
    value = entry.details.get("mandate")
    try:
        return record_from_json(Mandate, value if isinstance(value, dict) else {})
    except ValueError as error:
        raise CaseError(
            f"audit entry {entry.seq} of the case is no declaration of tests: {error}",
            hint="Verify the case and go back to an unaltered copy.",
            code="case-damaged",
        ) from error


def places_from(text: str) -> tuple[NamedPlace, ...]:
    """Places typed as "X,Y,SLICE" or "SERIES:X,Y,SLICE", the slice counted from 1.

    Args:
        text: Any number of them, separated by blanks or semicolons.

    Raises:
        SettingsError: One of them is something else, or named twice.
    """
    found = []
    for word in text.replace(";", " ").split():
        series, colon, place = word.rpartition(":")
        numbers = [*([series] if colon else []), *place.split(",")]
        # `isdecimal` alone also takes digits of other scripts.
        if not all(n.isascii() and n.isdecimal() for n in numbers) or (
            len(numbers) != (4 if colon else 3)
        ):
            raise SettingsError(
                f"“{word}” is no place",
                hint="name it as X,Y,SLICE in pixels, the slice counted from 1; in a "
                "case of several series as SERIES:X,Y,SLICE",
                code="place",
            )
        *named, x, y, number = (int(n) for n in numbers)
        if number < 1 or named == [0]:
            raise SettingsError(
                f"“{word}” is no place: slices and series are counted from 1",
                code="place",
            )
        found.append(NamedPlace(number - 1, y, x, *named))
    if len(set(found)) < len(found):
        raise SettingsError("a place is named twice", code="place")
    return tuple(found)


def placed(mandate: Mandate, records: Sequence[SeriesRecord]) -> Mandate:
    """The tests, every named place with the number of its series.

    Raises:
        SettingsError: A place lies nowhere in the case, with the reason.
    """
    by_number: Mapping[int, SeriesRecord] = {r.series_id: r for r in records}
    known = ", ".join(map(str, by_number)) or "none"
    places = []
    for place in mandate.places:
        if not place.series and len(records) != 1:
            raise SettingsError(
                f"{place.text} may lie in any of {len(records)} series",
                hint=f"name the series too: SERIES:X,Y,SLICE; the case holds {known}",
                code="place",
            )
        record = by_number.get(place.series) if place.series else records[0]
        if record is None:
            raise SettingsError(
                f"{place.text}: the case holds no series {place.series}",
                hint=f"it holds: {known}",
                code="place",
            )
        sides = (record.n_slices, record.rows, record.cols)
        if any(at >= n for at, n in zip(place.voxel, sides, strict=True)):
            raise SettingsError(
                f"{place.text} lies outside series {record.series_id}, which has "
                f"{record.n_slices} slices of {record.cols} × {record.rows} px",
                code="place",
            )
        places.append(replace(place, series=record.series_id))
    return replace(mandate, places=tuple(places))
