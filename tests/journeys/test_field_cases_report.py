"""The field's files once more, through examination and signed report.

What `btd import --json` says of them stands in `test_field_cases`; here it must reach
the pages and the twin: series, unit, world points, what was not examined.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pypdf import PdfReader

from btd_desktop.__main__ import main

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).resolve().parents[2] / ".." / "shared" / "cases"


@dataclass(frozen=True)
class Printed:
    """What a report must print of a case.

    Attributes:
        slices: Number of slices of each series, ascending.
        unit: Of every series, as printed.
        conclusions: One of these is the conclusion of the case.
        says: Parts of the pages.
        silent: Words that stand on no page.
    """

    slices: tuple[int, ...]
    unit: str = "HU"
    conclusions: frozenset[str] | None = None
    says: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


_MR = "modality value"
_NO_SUPPORT = "No support for an alteration was found"

CASES: dict[str, Printed] = {
    "02_parallel_stacks": Printed((7, 8), unit=_MR),
    "05_no_intercept": Printed(
        (12,),
        unit="not HU, see the findings below",
        conclusions=frozenset({"not covered", "not examined"}),
        says=("RescaleIntercept is missing",),
        silent=(_NO_SUPPORT,),
    ),
    "10_uid_per_slice": Printed((12,), unit=_MR),
    "15_ct_gan_uids": Printed((8, 8)),
    "17_wrapped_values": Printed(
        (12,),
        unit="not HU, see the findings below",
        conclusions=frozenset({"not covered", "not examined"}),
        silent=(_NO_SUPPORT,),
    ),
    "19_two_thicknesses": Printed((24,), silent=("Slices are missing",)),
    "20_sc_keeps_rescale": Printed(
        (12,),
        unit="not HU, see the findings below",
        conclusions=frozenset({"not covered", "not examined"}),
        silent=(_NO_SUPPORT,),
    ),
    "26_sop_uid_across_series": Printed((10, 10)),
    "34_phases_between": Printed((10, 10, 10, 10)),
}


def run(*arguments: str | Path) -> dict[str, Any]:
    """What a command prints with --json; it must succeed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = main([*(str(a) for a in arguments), "--json"])
    assert status == 0, out.getvalue()
    value: dict[str, Any] = json.loads(out.getvalue())
    return value


def written(name: str, folder: Path) -> Path:
    """Evidence of a case, made by its script."""
    script = SCRIPTS / f"{name}.py"
    if not script.is_file():
        pytest.skip("no field cases: ../shared/cases is not beside this repository")
    out = folder / "evidence"
    subprocess.run([sys.executable, str(script), str(out)], check=True)
    return out


def read_report(path: Path) -> tuple[dict[str, Any], str]:
    """JSON twin and the words of all pages."""
    reader = PdfReader(path)
    (attached,) = reader.attachments["report.json"]
    pages = " ".join(page.extract_text() for page in reader.pages)
    return json.loads(attached), " ".join(pages.split())


@pytest.mark.parametrize("name", CASES)
def test_report_prints_what_the_files_hold(name: str, desk_home, tmp_path: Path):
    expected = CASES[name]
    evidence = written(name, tmp_path)
    value = run("examine", evidence, "--out", tmp_path / "case")
    twin, pages = read_report(Path(value["report"]["path"]))
    assert tuple(sorted(s["n_slices"] for s in twin["series"])) == expected.slices
    assert {s["unit"] for s in twin["series"]} == {expected.unit}
    assert twin["opinion"]["headline"] in pages
    assert twin["opinion"]["headline"] == value["conclusion"]["headline"]
    if expected.conclusions is not None:
        assert twin["opinion"]["conclusion"] in expected.conclusions
    for words in expected.says:
        assert words in pages
    for words in expected.silent:
        assert words not in pages


def test_world_point_of_a_tilted_gantry_is_printed_exactly(desk_home, tmp_path: Path):
    evidence = written("03_gantry_tilt_world", tmp_path)
    case = tmp_path / "case"
    run("examine", evidence, "--out", case)
    with np.load(f"{evidence}.truth.npz") as truth:
        s, r, c = (int(v) for v in truth["voxel"])
        world = truth["world"] + np.array([(48 - c) * 0.7, 0.0, 0.0])
    told = run("score", case, "--at", f"48,{r},{s + 1}", "--keep", "--note", "here")
    np.testing.assert_allclose(told["world_mm"], world, atol=1e-3)
    issued = run("report", case, "--out", tmp_path / "second.pdf")
    twin, pages = read_report(Path(issued["report"]["path"]))
    exhibits = [e for result in twin["results"] for e in result["exhibits"]]
    [own] = [e for e in exhibits if e["note"] == "here"]
    np.testing.assert_allclose(own["world_mm"], world, atol=1e-3)
    assert ", ".join(f"{v:.1f}" for v in world).replace("-", "−") in pages
