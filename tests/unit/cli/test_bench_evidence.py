"""`btd bench evidence`: what it measures, prints, keeps and refuses."""

# ruff: noqa: TID253 - an untrained evidence map is made here

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

from btd_desktop.diffusion.evidence import (
    EvidenceCard,
    EvidenceNet,
    evidence_weights,
    n_channels,
    save_evidence,
)
from btd_desktop.digest import bytes_digest
from btd_desktop.scoring.card import read_card
from btd_desktop.workflow.calibrate import patient_key
from tests.factories import TINY_LEVELS
from tests.unit.cli.test_bench import write_data

WIDTHS = (4, 4, 4)
REDRAWN = ("--attacks", "redrawn without noise")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data", 128)


@pytest.fixture
def evidence(tiny_model: Path, tmp_path: Path) -> Path:
    """Folder of an untrained evidence map that reads the tiny model's maps."""
    return write_map(tmp_path / "map", read_card(tiny_model).digest)


def write_map(folder: Path, model_digest: str, seed: int = 0) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = EvidenceNet(n_channels(len(TINY_LEVELS)), WIDTHS)
    weights = evidence_weights(network)
    card = EvidenceCard(
        model_digest,
        network.channels,
        WIDTHS,
        ("smoothing", "gain"),
        bytes_digest(weights),
        training={"left_out": ["filling"]},
    )
    save_evidence(folder, card, weights)
    return folder


def test_tampered_series_are_told_by_attack_below_what_the_map_was_taught_with(
    btd, evidence, tiny_model, tmp_path
):
    data = write_data(tmp_path / "data", 192)  # room for a place and its partner
    file = tmp_path / "e.json"
    done = btd(
        *("bench", "evidence", "--evidence", evidence, "--data", data),
        *("--split", "test", "--places", 1, "--seed", 3, "--json", file, *REDRAWN),
    )
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == (
        "Measured only: the evidence map is not part of an examination."
    )
    assert lines[1].endswith("taught with: smoothing, gain")
    assert lines[2] == "Families left out of its teaching: filling"
    assert "Genuine: 1 series of 1 patient, 9 to 9 slices" in done.out
    assert re.search(r"redrawn without noise +redraw +1 +1 +[01]\.00 ", done.out)
    kept = json.loads(file.read_text("utf-8"))
    assert kept["facts"]["families"] == ["smoothing", "gain"]
    assert kept["facts"]["model"] == tiny_model.name
    [row] = kept["rows"]
    assert (row["n"], row["partners"]["low"]) == (1, None)
    [own] = kept["genuine"]
    assert own["patient"] == kept["tampered"][0]["patient"] == patient_key("T-1")
    assert "T-1" not in file.read_text("utf-8")


@pytest.mark.parametrize("words", [("--attacks", "none"), ("--places", "0")])
def test_genuine_series_alone_make_no_table(btd, data, evidence, words):
    done = btd("bench", "evidence", "--evidence", evidence, "--data", data, *words)
    assert done.status == 0, done.err
    assert "Genuine: 1 series of 1 patient" in done.out
    assert "AUC" not in done.out


def test_a_run_goes_on_from_the_file_of_an_earlier_one(btd, data, evidence, tmp_path):
    file = tmp_path / "e.json"
    command = ("bench", "evidence", "--evidence", evidence, "--data", data)
    options = ("--attacks", "none", "--block", 8, "--json", file)
    assert btd(*command, "--split", "test", *options).status == 0
    before = json.loads(file.read_text("utf-8"))["genuine"]
    again = btd(*command, "--split", "test", *options, "--add", file)
    assert again.status == 0, again.err
    assert json.loads(file.read_text("utf-8"))["genuine"] == before
    done = btd(*command, "--split", "calib", *options, "--add", file)
    assert done.status == 0, done.err
    assert "Genuine: 2 series of 2 patients, 8 to 8 slices" in done.out
    other = write_map(tmp_path / "other", read_digest(evidence), seed=1)
    wrong = btd(
        *("bench", "evidence", "--evidence", other, "--data", data),
        *(*options, "--add", file),
    )
    assert wrong.status == 8
    assert "another evidence map" in wrong.err


def read_digest(folder: Path) -> str:
    value = json.loads((folder / "evidence.json").read_text("utf-8"))
    return str(value["model_digest"])


def test_map_of_another_model_is_refused(btd, data, tiny_model, tmp_path):
    other = write_map(tmp_path / "map", "0" * 64)
    done = btd("bench", "evidence", "--evidence", other, "--data", data, *REDRAWN)
    assert done.status != 0
    assert "noise maps of another model" in done.err


def test_short_series_are_left_out_and_none_at_all_is_refused(btd, data, evidence):
    done = btd(
        *("bench", "evidence", "--evidence", evidence, "--data", data),
        *("--least", 10, "--attacks", "none"),
    )
    assert done.status == 2
    assert "1 series left out: fewer than 10 slices" in done.err
    assert "no series of at least 10 slices is left" in done.err


def test_series_that_may_have_taught_the_map_are_warned_of(btd, data, evidence):
    done = btd(
        *("bench", "evidence", "--evidence", evidence, "--data", data),
        *("--split", "train", "--attacks", "none"),
    )
    assert done.status == 2  # this folder has none
    assert "may have taught it" in done.err
