"""What scoring left in a case: runs, features, residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from btd_desktop.cases.model import Run
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import CaseError
from btd_desktop.scoring.features import GridFeatures
from btd_desktop.scoring.method import Method
from btd_desktop.scoring.packing import unpacked_features


def latest_run(
    store: CaseStore, series_id: int, method: Method | None = None
) -> Run | None:
    """The newest finished run of a series, else the newest; None before the first.

    Args:
        store: Open case.
        series_id: The series.
        method: Only runs of this method; None takes any.
    """
    runs = [r for r in store.runs(series_id) if method in (None, r.manifest.used)]
    done = [r for r in runs if r.status == "done"]
    return next(reversed(done or runs), None)


def load_features(store: CaseStore, run: Run) -> tuple[GridFeatures, ...]:
    """Stored features of every finished slice of a run, in slice order.

    Raises:
        CaseError: An array is missing, was altered or does not fit the grid.
    """
    record = next(s for s in store.series() if s.series_id == run.series_id)
    grid = run.manifest.grid
    rows, columns = grid.rows(record.rows), grid.columns(record.cols)
    out = []
    for result in store.slice_results(run.run_id):
        arrays, _ = store.load_slice(run.run_id, result.slice_index, ["grid"])
        try:
            _check_numbers(arrays["grid"])
            out.append(unpacked_features(arrays["grid"], rows, columns))
        except ValueError as error:
            raise CaseError(
                f"the features of slice {result.slice_index + 1} in run {run.run_id} "
                f"are damaged: {error}",
                code="features",
            ) from error
    return tuple(out)


def load_residual(
    store: CaseStore, run_id: int, slice_index: int, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Stored F(x_0) of a slice, float32 from float16.

    Args:
        store: Open case.
        run_id: The run that scored it.
        slice_index: From 0.
        shape: (H, W) of the series.

    Raises:
        CaseError: The slice has no result yet, or the array was altered or is no
            residual of such a slice.
    """
    arrays, _ = store.load_slice(run_id, slice_index, ["residual"])
    stored = arrays["residual"]
    try:
        _check_numbers(stored, shape)
    except ValueError as error:
        raise CaseError(
            f"the residual of slice {slice_index + 1} in run {run_id} is damaged: "
            f"{error}",
            code="residual",
        ) from error
    residual: NDArray[np.float32] = stored.astype(np.float32)
    return residual


def _check_numbers(array: NDArray[Any], shape: tuple[int, ...] | None = None) -> None:
    """Refuse values that scoring cannot give: the digest is a sender's own claim."""
    if array.dtype.kind != "f" or np.isinf(array).any():
        raise ValueError(f"{array.dtype} are no measured numbers")
    if shape not in (None, array.shape):
        raise ValueError(f"{array.shape} is no slice of the series")
