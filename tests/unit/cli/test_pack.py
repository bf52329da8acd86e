"""`btd pack`, `unpack`, `verify-case FILE` and `export-dicom`: answers and statuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import make_series_folder
from tests.unit.cases.samples import fill_case


@pytest.fixture
def case(btd, tmp_path) -> Path:
    fill_case(tmp_path / "case")
    return Path(tmp_path / "case")


def test_packed_case_is_verified_taken_apart_and_verified_again(btd, case, tmp_path):
    bundle = tmp_path / "a.btdcase"
    packed = btd("pack", case, "--out", bundle, "--json").json["packed"]
    assert packed["n_evidence"] == 0
    result = btd("verify-case", bundle)
    assert result.status == 0, result.out
    assert "Portable case a.btdcase: INTACT" in result.out
    assert packed["manifest_sha256"] in result.out
    assert btd("unpack", bundle, "--out", tmp_path / "out").status == 0
    assert btd("verify-case", tmp_path / "out" / "case").status == 0
    again = btd("unpack", bundle, "--out", tmp_path / "out")
    assert (again.status, "exists" in again.err) == (6, True)
    assert btd("pack", case, "--out", bundle).status == 6
    told = btd("report", bundle)
    assert told.status == 6
    assert "btd unpack" in told.err


def test_altered_bundle_is_named_with_its_part(btd, case, tmp_path):
    bundle = tmp_path / "a.btdcase"
    btd("pack", case, "--out", bundle)
    data = bytearray(bundle.read_bytes())
    data[-40] ^= 1
    data[data.index(b"SQLite format 3")] ^= 1
    bundle.write_bytes(bytes(data))
    result = btd("verify-case", bundle)
    assert result.status == 6
    assert "ALTERED" in result.out or "cannot be used" in result.err
    data[-40] ^= 1
    bundle.write_bytes(bytes(data))
    result = btd("verify-case", bundle, "--json")
    assert result.status == 6
    assert result.json["ok"] is False
    assert "case/case.sqlite was altered" in result.json["bundle"]["problems"][0]


def test_bundle_of_another_computer_is_not_authenticated(
    btd, case, tmp_path, monkeypatch
):
    bundle = tmp_path / "a.btdcase"
    btd("pack", case, "--out", bundle)
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "theirs"))
    result = btd("verify-case", bundle)
    assert result.status == 9
    assert "NOT AUTHENTICATED" in result.out


def test_export_of_a_case_without_report_or_results_says_what_to_do(btd, tmp_path):
    scan = make_series_folder(tmp_path / "scan", 0, shape=(2, 48, 48))
    case, out = tmp_path / "case", tmp_path / "out"
    btd("import", scan, "--out", case)
    result = btd("export-dicom", case, "--out", out)
    assert result.status == 7
    assert "has no report" in result.err
    assert "--no-report" in result.err
    result = btd("export-dicom", case, "--out", out, "--no-report", "--json")
    assert result.status == 3
    assert "has not been scored" in result.json["error"]["detail"]
    assert not out.exists()
