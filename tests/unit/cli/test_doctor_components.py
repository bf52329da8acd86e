"""`btd doctor --components` prints the bill of materials."""

from __future__ import annotations

import json

from btd_desktop.paths import sbom_path


def test_components_are_listed_with_their_licences(btd):
    told = btd("doctor", "--components")
    assert told.status == 0
    for part in json.loads(sbom_path().read_text("utf-8"))["components"]:
        licence = part["licenses"][0]["expression"]
        assert f"{part['name']} {part['version']}: {licence}" in told.out


def test_components_as_json_carry_digests(btd):
    rows = btd("doctor", "--components", "--json").json["components"]
    assert len(rows) > 40
    assert all(len(row["sha256"]) == 64 and row["licence"] for row in rows)


def test_missing_list_is_told(btd, monkeypatch, tmp_path):
    monkeypatch.setattr(
        "btd_desktop.workflow.components.sbom_path", lambda: tmp_path / "none.json"
    )
    told = btd("doctor", "--components")
    assert told.status == 8
    assert "missing or damaged" in told.err
