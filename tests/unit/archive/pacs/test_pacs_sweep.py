"""A sweep of a real archive: rows as of the same files in a folder, results back.

`N_SERIES` series lie in Orthanc and in a folder. What comes back over either protocol
is swept and compared; results go back over DICOMweb and are read again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pydicom
import pytest

from btd_desktop.archive.pacs.exchange import SeriesFilter
from btd_desktop.archive.pacs.opening import open_archive
from btd_desktop.archive.rows import read_rows, results_digest
from btd_desktop.progress import TaskContext
from tests.factories import make_ct_volume, make_series_folder
from tests.orthanc_server import allow_loopback, dicomweb_plugin, running_orthanc

pytest.importorskip("pynetdicom")
pytest.importorskip("dicomweb_client")
pytestmark = pytest.mark.slow

N_SERIES = int(os.environ.get("BTD_TEST_PACS_SERIES", "2"))
SHAPE = (8, 256, 256) if N_SERIES > 2 else (2, 128, 128)


def swept(out: Path, *words: str | Path) -> Any:
    """What `btd sweep --json` says."""
    command = [sys.executable, "-m", "btd_desktop", "sweep", *map(str, words)]
    done = subprocess.run(
        [*command, "--out", str(out), "--json"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_archive_and_folder_give_the_same_rows_and_results_go_back(
    no_network, monkeypatch, tmp_path
):
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    allow_loopback()
    scans = tmp_path / "scans"
    for number in range(N_SERIES):
        volume = make_ct_volume(number, shape=SHAPE, patient_id=f"TEST-{number}")
        make_series_folder(scans / str(number), number, volume=volume)
    (tmp_path / "orthanc").mkdir()
    with running_orthanc(tmp_path / "orthanc", **dicomweb_plugin()) as orthanc:
        for path in sorted(scans.rglob("*.dcm")):
            orthanc.add(path)
        plain = swept(tmp_path / "plain", scans)
        web = f"dicomweb+http://127.0.0.1:{orthanc.http}/dicom-web"
        told = swept(tmp_path / "web", web, "--store-back")
        assert told["n_found"] == plain["n_found"] == N_SERIES
        rows = read_rows(tmp_path / "plain" / "index.sqlite")
        assert results_digest(read_rows(tmp_path / "web" / "index.sqlite")) == (
            results_digest(rows)
        )
        dimse = swept(tmp_path / "dimse", f"dimse://TEST@127.0.0.1:{orthanc.dicom}")
        found = read_rows(tmp_path / "dimse" / "index.sqlite")
        # Another file header, so another digest; the same pixels, so the same scores.
        assert dimse["n_found"] == N_SERIES
        assert sorted(str(r.score) for r in found) == sorted(str(r.score) for r in rows)
        again = swept(tmp_path / "web", web)
        assert (again["n_known"], again["n_examined"]) == (N_SERIES, 0)
        assert told["stored"]
        assert {one["problem"] for one in told["stored"]} == {""}
        _read_again(web, tmp_path, told["stored"])


def _read_again(web: str, folder: Path, stored: list[dict[str, str]]) -> None:
    """Every object that was stored comes back as it was sent, over DICOMweb."""
    sent = {
        str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID): path
        for path in (folder / "web" / "results").rglob("*.dcm")
    }
    assert len(sent) == len(stored)
    with open_archive(web) as archive:
        wanted = SeriesFilter(("OT", "SEG", "SR", "DOC"))
        for number, entry in enumerate(archive.series(wanted, print)):
            place = folder / f"back-{number}"
            for one in archive.fetch(entry, place, TaskContext()).objects:
                data = (place / "objects" / one.name).read_bytes()
                assert data == sent.pop(one.uid).read_bytes()
    assert sent == {}
