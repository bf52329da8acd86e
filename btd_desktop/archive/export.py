"""The index as one Parquet file, for whoever computes with it."""

from __future__ import annotations

import sqlite3
from itertools import islice
from pathlib import Path
from typing import Final

from btd_desktop.archive.rows import SeriesRow, rows_of
from btd_desktop.errors import CaseError, MissingPartError
from btd_desktop.strict_json import plain_json

PARQUET_NAME: Final = "series.parquet"
_AT_ONCE: Final = 10_000


def write_parquet(connection: sqlite3.Connection, path: Path) -> None:
    """Write every row, ranked; an earlier file is replaced when this one is complete.

    Args:
        connection: Of an open index.
        path: File to write.

    Raises:
        MissingPartError: pyarrow is not installed.
        CaseError: The file cannot be written.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingPartError(
            "Parquet needs pyarrow, which is not installed",
            hint='pip install "btd-desktop[archive]"; the index holds the same rows',
            code="archive",
        ) from error
    text, number, texts = pa.string(), pa.float64(), pa.list_(pa.string())
    place = pa.struct(
        [("slice", pa.int64()), ("y", pa.int64()), ("x", pa.int64()),
         ("evidence", number)]
    )  # fmt: skip
    kinds = {
        "slices": pa.int64(), "patients": pa.int64(), "sweep": pa.int64(),
        "score": number, "p_value": number, "floor": number, "scope": texts,
        "evidence": texts, "places": pa.list_(place), "seconds": pa.map_(text, number),
    }  # fmt: skip
    names = SeriesRow.__dataclass_fields__
    schema = pa.schema(
        [("rank", pa.int64()), *((n, kinds.get(n, text)) for n in names)]
    )
    unfinished = path.with_name(f"{path.name}.part")
    rows, rank = rows_of(connection), 0
    try:
        with pq.ParquetWriter(unfinished, schema) as writer:
            while batch := [plain_json(row) for row in islice(rows, _AT_ONCE)]:
                for row in batch:
                    rank += 1
                    row |= {"rank": rank, "seconds": list(row["seconds"].items())}
                writer.write_table(pa.Table.from_pylist(batch, schema))
        unfinished.replace(path)
    except OSError as error:
        raise CaseError(
            f"{path} cannot be written: {error.strerror or error}",
            hint="free some space, or sweep into another folder",
            code="parquet",
        ) from error
