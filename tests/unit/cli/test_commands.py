"""Each command: what it prints for people, what it prints for scripts, what it refuses.

The whole way from evidence to report is in `journeys/test_examine_case.py`.
"""

from __future__ import annotations

import json
import re
import zipfile

import pytest
import typer.main

from btd_desktop.cli.main import _make_app
from btd_desktop.cli.signing import read_passphrase
from btd_desktop.dicom.load import import_evidence
from btd_desktop.digest import array_digest
from btd_desktop.errors import CalibrationError, ModelError, ReportError, SettingsError
from btd_desktop.progress import TaskContext
from tests.factories import make_series_folder, make_tiny_model


def test_import_lists_what_was_not_accepted_with_its_reason(btd, suspect, tmp_path):
    (suspect / "letter\x1b[2J.txt").write_text("no scan")
    result = btd("import", suspect, "--out", tmp_path / "case")
    assert result.status == 0
    assert "Files: 6 accepted, 1 not an image" in result.out
    assert "letter⟨U+001B⟩[2J.txt" in result.out
    assert "Not a scan" in result.out
    assert "\x1b" not in result.out
    assert "00001.dcm" not in result.out
    assert "Series 1: test series (CT, 6 slices of 128x128)" in result.out


def test_import_for_a_script_lists_every_file(btd, suspect, tmp_path):
    archive = tmp_path / "disc.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in suspect.iterdir():
            packed.write(path, path.name)
    told = btd("import", archive, "--out", tmp_path / "case", "--json").json
    assert len(told["files"]) == 6
    assert {f["fate"] for f in told["files"]} == {"accepted"}
    assert [c["name"] for c in told["containers"]] == ["disc.zip"]
    assert told["series"][0]["n_slices"] == 6


def test_import_of_a_path_that_is_not_there_is_a_sentence(btd, tmp_path):
    result = btd("import", tmp_path / "nothing", "--out", tmp_path / "case")
    assert result.status == 3
    assert "nothing" in result.err


def test_details_for_a_case_that_exists_are_not_dropped_silently(
    btd, suspect, tmp_path
):
    case = tmp_path / "case"
    first = btd("import", suspect, "--out", case, "--examiner", "A")
    again = btd("import", suspect, "--out", case, "--examiner", "B")
    assert "keeps the details" not in first.err
    assert "keeps the details" in again.err


@pytest.mark.usefixtures("tiny_model")
def test_score_without_a_profile_keeps_the_scores_and_says_why(btd, suspect, tmp_path):
    case = tmp_path / "case"
    btd("import", suspect, "--out", case)
    result = btd("score", case)
    assert result.status == 0
    assert "no calibration profile" in result.out
    assert "6 slices are scored" in result.out
    again = btd("score", case, "--at", "64,64,1")
    assert again.status == CalibrationError.exit_code


def test_score_without_a_model_is_an_error_of_its_own_status(btd, suspect, tmp_path):
    case = tmp_path / "case"
    btd("import", suspect, "--out", case)
    result = btd("score", case, "--json")
    assert result.status == ModelError.exit_code
    assert result.json["error"]["code"] == "no_model"


@pytest.mark.usefixtures("tiny_model")
def test_place_of_a_series_that_was_not_scored_is_refused(btd, suspect, tmp_path):
    case = tmp_path / "case"
    btd("import", suspect, "--out", case)
    told = btd("score", case, "--at", "64,64,1", "--json").json
    assert told["error"]["code"] == "not_scored"


@pytest.mark.usefixtures("tiny_model")
def test_series_must_be_named_when_there_are_two(btd, suspect, tmp_path):
    make_series_folder(suspect / "second", 8)
    case = tmp_path / "case"
    btd("import", suspect, "--out", case)
    told = btd("score", case, "--at", "64,64,1", "--json").json
    assert told["error"]["code"] == "series"
    assert "1, 2" in told["error"]["hint"]
    assert btd("score", case, "--series", "3").status == 6


@pytest.mark.usefixtures("tiny_model")
def test_profile_lands_among_the_user_s_and_is_used(btd, suspect, benign, tmp_path):
    result = btd("calibrate", benign, "--name", "Our scanner", "--fpr", "0.05")
    assert result.status == 0
    written = tmp_path / "home" / "data" / "profiles" / "Our-scanner.json"
    assert str(written) in result.out
    assert json.loads(written.read_text(encoding="utf-8"))["name"] == "Our scanner"
    assert "4 patients" in result.out
    # Four patients cannot carry 5 %, and no series threshold stands on them.
    assert (
        "4 patients cannot establish a rate of 5 %: that takes 52 patients, 48 more."
        in result.err
    )
    assert "At series level there is no threshold" in result.err
    (model,) = btd("models", "--json").json["models"]
    assert [p["name"] for p in model["profiles"]] == ["Our scanner"]

    case = tmp_path / "case"
    examined = btd("examine", suspect, "--out", case)
    assert examined.status == 0
    assert "calibration “Our scanner” (4 patients" in examined.out
    assert "slices flagged: cannot be said (4 patients cannot carry" in examined.out
    of_series = r"whole series: score \S+, p = \S+ \((smallest for )?4 patients\)"
    assert re.search(of_series, examined.out)
    verified = btd("verify", case / "report-1.pdf", "--evidence", suspect)
    assert verified.status == 0
    assert "Report: INTACT, SIGNER NOT VALIDATED" in verified.out
    assert "files are there with the digests listed" in verified.out
    clicked = btd("score", case, "--at", "64,64,2", "--mode", "removal")
    assert clicked.status == 0
    assert "removal *" in clicked.out
    assert btd("verify-case", case).out.startswith("Case “case”: INTACT")


@pytest.mark.usefixtures("tiny_model")
def test_local_patient_joins_a_profile_by_name_or_file(btd, benign, tmp_path):
    assert btd("calibrate", benign, "--name", "Ours", "--fpr", "0.2").status == 0
    profiles = tmp_path / "home" / "data" / "profiles"
    held = json.loads((profiles / "Ours.json").read_text(encoding="utf-8"))
    make_series_folder(tmp_path / "new", 9)
    by_file = ("--join", profiles / "Ours.json")
    result = btd("calibrate", tmp_path / "new", "--name", "More", *by_file)
    assert result.status == 0
    assert "5 patients, 5 series" in result.out
    assert "wanted false-positive rate 0.2" in result.out
    assert f"joined the profile “Ours” (digest {held['digest'][:12]}" in result.out
    told = json.loads((profiles / "More.json").read_text(encoding="utf-8"))
    assert (told["n_patients"], told["target_fpr"]) == (5, 0.2)

    again = btd("calibrate", benign / "p1", "--name", "x", "--join", "Ours", "--json")
    assert again.status == CalibrationError.exit_code
    assert again.json["error"]["code"] == "join_series"
    assert "“test series”" in again.json["error"]["detail"]
    unknown = btd("calibrate", benign, "--name", "x", "--join", "nobody", "--json")
    assert unknown.json["error"]["code"] == "no_profile"
    assert {p.name for p in profiles.iterdir()} == {"Ours.json", "More.json"}


def test_profile_that_is_joined_keeps_its_rate(btd, benign):
    words = ("--name", "x", "--join", "Ours", "--fpr", "0.05")
    refused = btd("calibrate", benign, *words)
    assert refused.status == 2
    assert "--fpr and --join exclude each other" in refused.err


@pytest.mark.usefixtures("tiny_model")
def test_profile_is_never_overwritten(btd, benign, tmp_path):
    out = tmp_path / "p.json"
    out.write_text("mine")
    result = btd("calibrate", benign, "--name", "x", "--out", out)
    assert result.status == CalibrationError.exit_code
    assert out.read_text() == "mine"


@pytest.mark.usefixtures("tiny_model")
def test_two_patients_are_too_few_to_calibrate(btd, benign, tmp_path):
    result = btd("calibrate", benign / "p1", benign / "p2", "--name", "x")
    assert result.status == CalibrationError.exit_code
    assert "too few" in result.err
    assert not (tmp_path / "home" / "data" / "profiles").exists()


def test_altered_model_is_named_by_models_and_doctor(btd, tiny_model):
    weights = tiny_model / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    told = btd("doctor", "--json")
    assert told.status == 1
    assert told.json["ok"] is False
    assert any("tiny-ct" in problem for problem in told.json["problems"])
    card = tiny_model / "card.json"
    card.write_text(card.read_text().replace("ct96wide", "ct96"))
    assert "unusable" in btd("models").out


def test_doctor_is_content_with_a_ct_model(btd, tiny_model):
    result = btd("doctor")
    assert result.status == 0
    assert "The main job can be done here." in result.out
    assert "tiny-ct" in result.out
    assert "why:" in result.out
    assert "no calibration profile" in result.out


def test_doctor_without_a_model_says_what_is_in_the_way(btd):
    result = btd("doctor")
    assert result.status == 1
    assert "problem: there is no usable model for CT" in result.out


def test_training_ends_in_a_model_that_is_refused_until_it_finds_noise(
    btd, benign, tmp_path
):
    out = tmp_path / "models" / "own"
    words = ("--preset", "ct96wide", "--dim", "8", "--steps", "3", "--batch", "2")
    more = ("--crop", "32", "--precision", "float32", "--device", "cpu")
    result = btd(
        "train", benign, *words, *more, "--out", out, "--credits", "ours", "--json"
    )
    assert result.status == 0
    card = result.json["card"]
    assert card["training"]["steps"] == 3
    assert card["training"]["credits"] == "ours"
    assert "step 3 of 3: loss" in result.err
    (model,) = btd("models", "--json").json["models"]
    assert (model["name"], model["problem"]) == ("own", "")
    # Three steps teach no network to find noise: nothing may be scored with it.
    refused = btd("calibrate", benign, "--name", "x", "--model", "own", "--json")
    assert refused.json["error"]["code"] == "model_answers"


def test_scans_that_a_model_learnt_from_calibrate_nothing(btd, benign, tmp_path):
    read = import_evidence([benign / "p2"], TaskContext())
    digest = array_digest(read.series[0].volume.voxels)
    make_tiny_model(tmp_path / "models" / "own", training={"voxel_digests": [digest]})
    refused = btd("calibrate", benign, "--name", "x", "--model", "own", "--json")
    assert refused.json["error"]["code"] == "learnt"
    assert not list((tmp_path / "home").rglob("x.json"))


def test_training_with_a_preset_that_is_not_there_is_a_sentence(btd, benign, tmp_path):
    result = btd("train", benign, "--preset", "xray", "--out", tmp_path / "m")
    assert result.status == SettingsError.exit_code


def test_simulated_scan_is_imported_as_what_it_is(btd, tmp_path):
    out = tmp_path / "sim"
    words = ("--slices", "3", "--rows", "64", "--seed", "4")
    told = btd("simulate", "mr", "--out", out, *words, "--json").json
    assert (told["n_slices"], told["truth"]) == (3, None)
    assert told["scanner"].startswith("Simulated M")
    imported = btd("import", out, "--out", tmp_path / "case", "--json").json
    assert imported["series"][0]["modality"] == "MR"
    refused = btd("simulate", "mr", "--out", out, *words)
    assert refused.status == SettingsError.exit_code


@pytest.mark.slow
def test_simulated_tampering_says_where(btd, tmp_path):
    out = tmp_path / "sim"
    words = ("--slices", "24", "--rows", "96", "--scanner", "b", "--tamper", "inject")
    told = btd("simulate", "ct", "--out", out, *words, "--json").json
    assert told["scanner"].startswith("Simulated B")
    truth = json.loads((out / "truth.json").read_text(encoding="utf-8"))
    assert truth["kind"] == "injection"
    assert told["truth"]["centre_voxel"] == truth["centre_voxel"]
    assert len(list((out / "series").glob("*.dcm"))) == 24


@pytest.mark.parametrize(
    "words",
    [
        ("mr", "--tamper", "inject"),
        ("ct", "--tamper", "paint"),
        ("ct", "--scanner", "Z"),
        ("us",),
    ],
)
def test_simulation_that_is_not_to_be_had_is_refused(btd, tmp_path, words):
    result = btd("simulate", *words, "--out", tmp_path / "sim", "--slices", "1")
    assert result.status == SettingsError.exit_code
    assert not (tmp_path / "sim").exists()


def test_file_that_is_no_report_does_not_verify(btd, tmp_path):
    path = tmp_path / "x.pdf"
    path.write_bytes(b"%PDF-1.7\nnothing")
    result = btd("verify", path)
    assert result.status == ReportError.exit_code
    assert "Report: NOT VERIFIED" in result.out
    assert "problem:" in result.out


def test_passphrase_is_the_first_line_of_its_file(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes("geheim ü\r\nsecond line\n".encode())
    assert read_passphrase(path) == "geheim ü"
    assert read_passphrase(None) is None
    with pytest.raises(SettingsError, match="cannot be read"):
        read_passphrase(tmp_path / "nowhere")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not text"):
        read_passphrase(path)


def test_no_option_takes_a_secret_itself():
    pending, names = [typer.main.get_command(_make_app())], set()
    while pending:
        command = pending.pop()
        pending += getattr(command, "commands", {}).values()
        names |= {name for option in command.params for name in option.opts}
    secret = re.compile(r"pass|secret|password|token|\bpin\b|\bkey\b")
    # A token and the key on it are named by their labels; the PIN comes from a file.
    labels = {"--token", "--key"}
    found = {name for name in names if secret.search(name)}
    assert found == {"--passphrase-file", *labels}
