"""`btd handbook` names the built page, or says in one sentence that there is none."""

from __future__ import annotations

import pytest


def test_handbook_that_is_built_is_named(btd, monkeypatch, tmp_path):
    page = tmp_path / "index.html"
    page.write_text("<h1>Handbook</h1>")
    monkeypatch.setattr("btd_desktop.paths.handbook_page", lambda: page)
    assert btd("handbook").out == f"{page}\n"
    assert btd("handbook", "--json").json == {
        "handbook": str(page),
        "address": page.as_uri(),
    }


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_handbook_that_is_not_built_is_an_error_of_its_own(
    btd, monkeypatch, tmp_path, options
):
    page = tmp_path / "index.html"
    monkeypatch.setattr("btd_desktop.paths.handbook_page", lambda: page)
    told = btd("handbook", *options)
    assert told.status == 10
    assert told.err.startswith(f"error: the handbook is not built here: {page} is not")
