"""Every score of every place of a report, as a table that any program reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np

from btd_desktop.errors import ReportError
from btd_desktop.examination.series import Evaluation, SeriesExamination

KINDS: Final = ("anomaly", "untaught", "injection", "removal")
_PLACE: Final = ("series", "slice", "row", "column")
_SINGLE: Final = ("injection", "removal")  # computed and stored as float32

Place = tuple[int, int, int, int]
"""Series and slice, both from 1, row and column of the centre in pixels, from 0."""

Scores = dict[str, float]
"""Scores of a place by kind; without those that it does not have."""


def scores_csv(examinations: Iterable[SeriesExamination]) -> bytes:
    """The scores of all calibrated series, a row for each place, as CSV (RFC 4180).

    Numbers have as many digits as give the stored value again; a place outside the
    searched part of the body has no anomaly score.
    """
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow((*_PLACE, *KINDS))
    for number, examination in enumerate(examinations, 1):
        if examination.evaluation is None:
            continue
        for place, found in place_scores(number, examination.evaluation):
            table.writerow((*place, *(_digits(kind, found) for kind in KINDS)))
    return text.getvalue().encode()


def place_scores(number: int, evaluation: Evaluation) -> Iterator[tuple[Place, Scores]]:
    """Every scored place of a series with its scores, slice by slice.

    Args:
        number: Of the series in the report, from 1.
        evaluation: Its scores.
    """
    kinds = {k: evaluation.kinds[k] for k in KINDS if k in evaluation.kinds}
    for index, grid in enumerate(evaluation.features):
        maps = {kind: series.patch_scores[index] for kind, series in kinds.items()}
        found = np.any([np.isfinite(values) for values in maps.values()], axis=0)
        for r, c in np.argwhere(found):
            yield (
                (number, index + 1, int(grid.rows[r]), int(grid.columns[c])),
                {k: float(v[r, c]) for k, v in maps.items() if np.isfinite(v[r, c])},
            )


def read_scores(data: bytes) -> dict[Place, Scores]:
    """The scores of a table as `scores_csv` writes it.

    Raises:
        ReportError: It is no such table.
    """
    try:
        head, *rows = csv.reader(io.StringIO(data.decode(), newline=""))
        if tuple(head) != (*_PLACE, *KINDS):
            raise ValueError("columns")  # noqa: TRY301 - one answer for all damage
        return {
            (int(row[0]), int(row[1]), int(row[2]), int(row[3])): {
                kind: float(np.float32(text) if kind in _SINGLE else text)
                for kind, text in zip(KINDS, row[4:], strict=True)
                if text
            }
            for row in rows
        }
    except (ValueError, IndexError, csv.Error) as error:
        raise ReportError("the report's table of scores is damaged") from error


def _digits(kind: str, scores: Mapping[str, float]) -> str:
    value = scores.get(kind)
    if value is None:
        return ""
    return str(np.float32(value)) if kind in _SINGLE else repr(value)
