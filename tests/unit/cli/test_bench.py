"""`btd bench`: what it writes, prints and refuses."""

from __future__ import annotations

import csv
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from btd_desktop.bench.detectors.registry import DETECTORS
from btd_desktop.bench.place import Site
from btd_desktop.bench.rates import Share
from btd_desktop.bench.search import Searched
from btd_desktop.bench.shift import ShiftRow
from btd_desktop.bench.tables import Judged
from btd_desktop.workflow.calibrate import patient_key
from tests.factories import make_ct_volume, make_series_folder

LEVELS = {"anomaly": {"place": SimpleNamespace(interval=(0.005, 0.02))}}


def test_tamper_writes_a_marked_copy_and_says_where(btd, tmp_path):
    volume = make_ct_volume(3, shape=(5, 128, 128))
    source = make_series_folder(tmp_path / "in" / "series", 3, volume=volume)
    out = tmp_path / "out"
    done = btd(
        *("bench", "tamper", source, "--attack", "redrawn without noise"),
        *("--at", "37,64,3", "--seed", "4", "--out", out),
    )
    assert done.status == 0
    assert "slice 3, row 64, column 37" in done.out
    record = json.loads((out / "tampered.json").read_text("utf-8"))
    assert record["centre_voxel"] == [2, 64, 37]
    assert record["seed"] == 4
    assert len(list((out / "series").iterdir())) == 5


def test_tamper_refuses_a_place_that_is_not_three_numbers(btd, tmp_path):
    done = btd(
        *("bench", "tamper", tmp_path, "--attack", "x", "--at", "1,2"),
        *("--out", tmp_path / "o"),
    )
    assert done.status == 2
    assert "X,Y,SLICE" in done.err


def test_tamper_beside_its_source_is_refused(btd, tmp_path):
    source = make_series_folder(tmp_path / "series", 3, shape=(2, 64, 64))
    done = btd(
        *("bench", "tamper", source, "--attack", "redrawn without noise"),
        *("--at", "30,30,1", "--out", tmp_path / "beside"),
    )
    assert done.status == 8
    assert "beside the source" in done.err
    assert not (tmp_path / "beside").exists()


def test_attacks_are_listed_by_kind(btd):
    done = btd("bench", "attacks")
    assert done.status == 0
    assert "splice of another patient" in done.out
    assert "redrawn with copied noise" in done.out


def test_detection_needs_exactly_one_kind_of_data(btd, tmp_path):
    for words in ((), ("--simulated", "--data", tmp_path)):
        done = btd("bench", "detection", *words)
        assert done.status == 2
        assert "--data FOLDER or --simulated" in done.err


def test_detection_refuses_an_unknown_attack_and_modality(btd):
    done = btd("bench", "detection", "--simulated", "--attacks", "sorcery")
    assert done.status == 8
    assert "sorcery" in done.err
    done = btd("bench", "detection", "--simulated", "--modality", "US")
    assert done.status == 2


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder: one test patient, one calibration patient who can give a blob."""
    return write_data(tmp_path / "data", 128)


def write_data(folder: Path, side: int) -> Path:
    rows = []
    for number, split in ((1, "test"), (2, "calib")):
        volume = make_ct_volume(number, shape=(9, side, side), patient_id=f"T-{number}")
        z, y, x = np.ogrid[:9, :side, :side]
        ball = (2.5 * (z - 4)) ** 2 + (y - 63) ** 2 + (x - 37) ** 2 < 36
        volume.voxels[ball] = 30
        make_series_folder(folder / f"p{number}", number, volume=volume)
        rows += [
            (f"p{number}/{i:05d}.dcm", split, "CT", f"T-{number}", "made up")
            for i in range(1, 10)
        ]
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "split", "modality", "patient", "source"))
        writer.writerows(rows)
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What the measurement is asked for; it answers with made-up places."""
    seen = SimpleNamespace()

    def observe(series, detector, **options):
        seen.series = [(volume.n_slices, patient) for volume, patient in series]
        seen.detector, seen.options = detector, options
        for number in range(6):
            attack = "redrawn without noise" if number % 2 else ""
            scores = dict.fromkeys(DETECTORS, float(number))
            yield Judged(
                f"P{number // 4}", "CT", attack, scores, {}, flagged=number > 3
            )
        site = Site("s", "x", 0.1, structure=True)
        for number in range(4):
            scores = dict.fromkeys(DETECTORS, float(number))
            yield Judged(
                f"P{number // 2}",
                *("CT", "", scores, {}),
                site=site,
                flagged=number == 3,
            )

    def judge(own, profile):
        seen.profile = profile
        return own

    module = ModuleType("btd_desktop.bench.evaluate")
    seen.genuine = (3, 240)
    seen.evidence = ()
    vars(module).update(
        observe=observe, judge=judge, flagged_genuine=lambda *_: seen.genuine
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(
        "btd_desktop.examination.profiles.choose_profile",
        lambda *_: (
            SimpleNamespace(
                name="some profile",
                levels=LEVELS,
                evidence=seen.evidence,
                target_fpr=0.01,
            ),
            None,
        ),
    )
    return seen


def test_detection_measures_one_split_and_writes_three_tables(
    btd, tiny_model, data, asked, tmp_path
):
    names = "splice of another patient,redrawn without noise"
    done = btd(
        *("bench", "detection", "--data", data, "--model", tiny_model),
        *("--attacks", names, "--places", "3", "--seed", "9"),
        *("--json", tmp_path / "t.json", "--csv", tmp_path / "t.csv"),
    )
    assert done.status == 0
    assert asked.series == [(9, "T-1")]
    assert asked.options["attacks"] == names.split(",")
    assert (asked.options["n_places"], asked.options["seed"]) == (3, 9)
    assert "T-2" in [donor.patient for donor in asked.options["donors"]]
    assert "| redrawn without noise | redraw | CT |" in done.out
    assert "| mean of 1 | redraw | CT |" in done.out
    claimed = "the profile claims 0.5 to 2 %"
    assert f"Genuine places flagged: 3 of 240 (1.2 %; {claimed})." in done.out
    told = "Genuine solid structures flagged: 0.25 [0.00–0.94], 2 patients"
    assert told in done.out
    facts = json.loads((tmp_path / "t.json").read_text("utf-8"))["facts"]
    assert facts["genuine_structures_flagged"]["value"] == 0.25
    assert facts["places_without_flag"] == 0
    assert facts["model"] == tiny_model.name
    assert facts["profile"] == "some profile"
    assert (facts["genuine_places_flagged"], facts["genuine_places"]) == (3, 240)
    assert facts["data"] == "split test"
    lines = (tmp_path / "t.csv").read_text("utf-8").splitlines()
    assert len(lines) == 1 + 2 * len(DETECTORS)


def test_detection_leaves_out_patients_whom_the_profile_has_seen(
    btd, tiny_model, data, asked
):
    asked.evidence = ((patient_key("T-1"), "f" * 64),)
    done = btd(
        *("bench", "detection", "--data", data, "--model", tiny_model),
        *("--attacks", "redrawn without noise"),
    )
    assert done.status == 0
    assert asked.series == []
    assert "1 series left out: the model or profile has seen them" in done.err


def test_detection_measures_the_series_asked_for(btd, tiny_model, data, asked):
    manifest = data / "manifest.csv"
    head, *rows = manifest.read_text("utf-8").splitlines()
    named = [f"{row},{row.split('/')[0]}" for row in rows]
    manifest.write_text("\n".join([f"{head},series", *named]), "utf-8")
    command = ("bench", "detection", "--data", data, "--model", tiny_model)
    attacks = ("--attacks", "redrawn without noise")
    assert btd(*command, *attacks, "--series", "p1, p2").status == 0
    assert asked.series == [(9, "T-1")]
    done = btd(*command, *attacks, "--series", "p9")
    assert done.status == 2
    assert "holds no CT series" in done.err


def test_table_that_cannot_be_written_is_a_sentence(
    btd, tiny_model, data, asked, tmp_path
):
    done = btd(
        *("bench", "detection", "--data", data, "--model", tiny_model),
        *("--attacks", "redrawn without noise"),
        *("--markdown", tmp_path / "no" / "such" / "folder.md"),
    )
    assert done.status == 8
    assert "cannot be written" in done.err


def test_split_without_series_of_the_modality_is_refused(btd, tiny_model, data, asked):
    done = btd(
        *("bench", "detection", "--data", data, "--model", tiny_model),
        *("--split", "train", "--attacks", "redrawn without noise"),
    )
    assert done.status == 2
    assert "holds no CT series" in done.err


def test_networks_are_set_side_by_side_on_the_same_places(btd, tiny_model, tmp_path):
    data = write_data(tmp_path / "data", 256)  # room for a place and its partner
    done = btd(
        *("bench", "networks", tiny_model, tiny_model, "--data", data),
        *("--attacks", "redrawn without noise", "--places", "2"),
        *("--json", tmp_path / "n.json"),
    )
    assert done.status == 0, done.err
    lines = [line for line in done.out.splitlines() if line.startswith("| tiny-ct |")]
    assert len(lines) == 2
    assert lines[0] == lines[1]
    rows = json.loads((tmp_path / "n.json").read_text("utf-8"))["rows"]
    assert [r["attack"] for r in rows] == ["redrawn without noise", "mean of 1"] * 2
    assert rows[0]["figures"]["removal score"]["auc"]["value"] is not None


def test_search_leaves_out_whom_the_profile_holds_or_fits_one_without_them(
    btd, tiny_model, data, asked, monkeypatch, tmp_path
):
    given: list[tuple[list[str], object]] = []

    def search_series(series, detector, profile_for, **options):
        patients = [patient for _, patient in series]
        given.append((patients, profile_for("T-1") if patients else None))
        assert options["kinds"] == ("anomaly", "untaught")
        return [
            Searched(p, "redrawn without noise", "anomaly", 3.0, 1.0, 2, None, 1, 0.04,
                     None)
            for p in patients
        ]  # fmt: skip

    monkeypatch.setattr("btd_desktop.bench.search.search_series", search_series)
    without: list[str] = []

    def profile_without(series, header, fpr, background):
        assert {own.patient for own in series} == {patient_key("T-1")}

        def profile_for(patient):
            without.append(patient)
            return "another profile"

        return profile_for

    monkeypatch.setattr("btd_desktop.bench.rates.profile_without", profile_without)
    words = ("bench", "search", "--data", data, "--model", tiny_model, "--block", "3")
    done = btd(*words, "--json", tmp_path / "s.json")
    assert done.status == 0, done.err
    line = r"redrawn without noise +anomaly +1 +1 +1.00 +0.00 +1.00"
    assert re.search(line, done.out)
    [row] = json.loads((tmp_path / "s.json").read_text("utf-8"))
    assert (row["first_5"]["value"], row["slices_flagged"]) == (1.0, None)
    assert btd(*words, "--left-out").status == 0
    assert without == [patient_key("T-1")]
    assert [profile == "another profile" for _, profile in given] == [False, True]
    assert btd(*words, "--least", "99").status == 0
    assert given[-1] == ([], None)
    asked.evidence = ((patient_key("T-1"), "ab"),)
    assert "1 series left out" in btd(*words).err
    assert given[-1] == ([], None)
    assert btd(*words, "--left-out", "--profile", "x").status == 2


def test_ablation_fits_on_calib_and_judges_the_split_asked_for(
    btd, tiny_model, data, asked, monkeypatch, tmp_path
):
    def judge_variations(seen, benign, levels, wanted, background):
        asked.benign = [own.patient for own in benign]
        asked.background, asked.levels = list(background), levels
        judged = list(seen)
        return [replace(own, scores={"whole": own.scores["ours"]}) for own in judged]

    monkeypatch.setattr("btd_desktop.bench.ablation.judge_variations", judge_variations)
    done = btd(
        *("bench", "ablation", "--data", data, "--model", tiny_model),
        *("--attacks", "redrawn without noise", "--json", tmp_path / "a.json"),
    )
    assert done.status == 0, done.err
    assert asked.benign == ["T-2"]
    assert asked.background == []
    assert asked.series == [(9, "T-1")]
    assert "| whole | " in done.out
    facts = json.loads((tmp_path / "a.json").read_text("utf-8"))["facts"]
    assert facts["model"] == tiny_model.name


def test_shift_prints_a_line_for_every_scanner_and_one_for_each_answer(
    btd, tiny_model, data, asked, monkeypatch, tmp_path
):
    def shift_rows(series, detector, profile, context):
        return [
            ShiftRow(
                patient, "Maker One", "SOFT", 1.5, "covered", (), 200, 3, 9, 1, None
            )
            for _, patient in series
        ]

    monkeypatch.setattr("btd_desktop.bench.shift.shift_rows", shift_rows)
    done = btd(
        *("bench", "shift", "--data", data, "--model", tiny_model),
        *("--json", tmp_path / "s.json"),
    )
    assert done.status == 0, done.err
    assert "Maker One" in done.out
    assert "1.50 %" in done.out
    assert "covered: 1 series of 1 patients" in done.out
    [row] = json.loads((tmp_path / "s.json").read_text("utf-8"))
    assert row["flagged_patches"] == 3


def test_rates_set_the_claim_beside_what_patients_left_out_show(
    btd, tiny_model, data, monkeypatch, tmp_path
):
    given: dict[str, object] = {}

    def left_out_shares(series, header, fpr, *, by, background, context):
        given.update(fpr=fpr, by=by, behind=len(background), model=header.model["name"])
        patients = {own.patient for own in series}
        return [Share(p, "Maker One", "slice", "flagged", 9, 0.5) for p in patients]

    monkeypatch.setattr("btd_desktop.bench.rates.left_out_shares", left_out_shares)
    done = btd(
        *("bench", "rates", "--data", data, "--model", tiny_model),
        *("--split", "calib,test", "--by", "scanner model, kernel", "--fpr", "0.05"),
        *("--json", tmp_path / "r.json"),
    )
    assert done.status == 0, done.err
    assert given == {
        "fpr": 0.05, "by": "kernel", "behind": 0, "model": "tiny-ct",
    }  # fmt: skip
    assert re.search(r"slice +flagged +5 % +50 % .*50 % Maker One +not est", done.out)
    kept = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert list(kept["rows"]) == ["scanner model left out", "kernel left out"]
    [row] = kept["rows"]["kernel left out"]
    assert (row["observed"]["value"], row["observed"]["n_patients"]) == (0.5, 2)
    # Patients are told by their pseudonyms.
    assert {own["patient"] for own in kept["patients"]["kernel left out"]} == {
        patient_key(name) for name in ("T-1", "T-2")
    }

    def joined_shares(series, header, fpr, *, n_local, background, context):
        given["n_local"] = n_local
        share = Share("p", "Maker One", "slice", "flagged", 9, 0.5)
        return {"alone": [share], "joined": [share]}

    monkeypatch.setattr("btd_desktop.bench.rates.joined_shares", joined_shares)
    done = btd(
        *("bench", "rates", "--data", data, "--model", tiny_model, "--by", ""),
        *("--split", "calib,test", "--join", 3),
    )
    assert done.status == 0, done.err
    assert given["n_local"] == 3
    assert "the same, 3 patients of the model joined" in done.out
    wrong = btd("bench", "rates", "--data", data, "--by", "weather")
    assert wrong.status == 2
    assert "--by is patient, scanner model, kernel, got 'weather'" in wrong.err


def test_processing_prints_rates_limits_and_what_is_found_in_copies(
    btd, data, tmp_path
):
    file = tmp_path / "p.json"
    done = btd("bench", "processing", "--data", data, "--copies", 1, "--json", file)
    assert done.status == 0, done.err
    assert "limits: resampled_grid 40" in done.out
    assert re.search(r"steps of 4 HU +1/1 .*odd_levels 1", done.out)
    kept = json.loads(file.read_text("utf-8"))
    rows = [*kept["CT undeclared"], *kept["CT declared"]]
    assert {row["n_patients"] for row in rows} == {1}
    assert len(kept["copies"]) > 20
