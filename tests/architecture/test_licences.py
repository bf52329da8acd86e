"""No part of the program is under the GPL; the bill of materials is the lock's."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from btd_desktop.workflow.components import component_rows

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = ("pylibjpeg-libjpeg", "python-gdcm", "pymupdf", "pykcs11", "nuitka")


on_the_system_of_the_lock = pytest.mark.skipif(
    sys.platform != "linux" or sys.version_info[:2] != (3, 11),
    reason="the bill of materials is that of the lock: Linux, Python 3.11",
)


def _load(name: str) -> ModuleType:
    path = ROOT / "requirements" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def requirements() -> Iterator[tuple[ModuleType, ModuleType]]:
    before = list(sys.path)
    yield _load("licences"), _load("make_sbom")
    sys.path[:] = before


@pytest.fixture(scope="module")
def sbom() -> dict[str, Any]:
    text = (ROOT / "requirements" / "sbom.json").read_text(encoding="utf-8")
    value = json.loads(text)
    assert isinstance(value, dict)
    return value


def test_no_part_of_the_program_is_under_the_gpl(requirements):
    licences, _ = requirements
    rows = licences.runtime_licences()
    assert len(rows) > 40
    assert [f"{r.name}: {r.problem}" for r in rows if r.problem] == []
    assert not {r.name for r in rows} & set(FORBIDDEN)


def test_gpl_texts_inside_parts_are_all_accounted_for(requirements):
    licences, _ = requirements
    naming = {r.name for r in licences.runtime_licences()
              if licences.names_the_gpl(r.name)}  # fmt: skip
    assert naming <= licences.GPL_IN_FILES.keys()
    assert "scipy" in naming, "the search finds nothing"


@pytest.mark.parametrize(
    ("stated", "problem"),
    [
        ("MIT", ""),
        ("BSD-3-Clause AND Apache-2.0 WITH LLVM-exception", ""),
        ("MPL-2.0", ""),
        ("", "state no licence"),
        ("GPL-3.0-only", "GPL"),
        ("GPL-2.0-or-later", "GPL"),
        ("AGPL-3.0", "GPL"),
        ("MIT AND GPL-3.0-only", "GPL"),
        ("GNU Affero General Public License v3", "GPL"),
        ("GNU General Public License (GPL)", "GPL"),
        ("LGPL-3.0-only", "LGPL"),
        ("LGPL-3.0-only OR GPL-2.0-only", "GPL"),
    ],
)
def test_rule_judges_a_licence(requirements, stated, problem):
    licences, _ = requirements
    told = licences.judged("some-part", "1.0", stated).problem
    assert (problem in told) if problem else told == ""


def test_lgpl_is_accepted_for_named_parts_only(requirements):
    licences, _ = requirements
    stated = "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only"
    assert not licences.judged("pyside6-essentials", "6.9", stated).problem
    assert licences.judged("pyside6-essentials", "6.9", "GPL-3.0-only").problem
    assert all(reason for _, reason in licences.ACCEPTED_BY_NAME.values())


def test_licences_read_by_hand_are_still_those_of_the_files(requirements):
    licences, _ = requirements
    for name, (expression, _) in licences.READ_BY_HAND.items():
        texts = " ".join(
            Path(str(f.locate())).read_text("utf-8", "replace")
            for f in metadata.distribution(name).files or ()
            if re.search(r"licen[cs]e", str(f), re.IGNORECASE)
            and str(f).endswith((".txt", "LICENSE"))
        )
        for part in expression.split(" AND "):
            words = {
                "BSD-3-Clause": r"Redistribution\s+and\s+use\s+in\s+source",
                "Apache-2.0": r"Apache\s+License",
            }[part]
            assert re.search(words, texts), f"{name}: {part}"


def test_sbom_has_the_fields_that_cyclonedx_asks_for(sbom):
    assert sbom["bomFormat"] == "CycloneDX"
    assert sbom["specVersion"] == "1.6"
    assert sbom["version"] == 1
    assert re.fullmatch(
        r"urn:uuid:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", sbom["serialNumber"]
    )
    application = sbom["metadata"]["component"]
    assert application["type"] == "application"
    references = {application["bom-ref"]}
    for part in sbom["components"]:
        assert part["type"] == "library"
        assert part["purl"] == f"pkg:pypi/{part['name']}@{part['version']}"
        assert part["licenses"][0]["expression"]
        (digest,) = part["hashes"]
        assert digest["alg"] == "SHA-256"
        assert re.fullmatch(r"[0-9a-f]{64}", digest["content"])
        assert part["bom-ref"] not in references
        references.add(part["bom-ref"])
    graph = {d["ref"]: d["dependsOn"] for d in sbom["dependencies"]}
    assert graph.keys() == references
    reached: set[str] = set()
    todo = [application["bom-ref"]]
    while todo:
        at = todo.pop()
        if at not in reached:
            reached.add(at)
            todo += graph[at]
    # What only an extra of a part asks for hangs on no edge; the rest does.
    assert len(references - reached) <= 20


@on_the_system_of_the_lock
def test_sbom_lists_what_the_lock_pins(requirements, sbom):
    licences, _ = requirements
    text = (ROOT / "requirements" / "lock.txt").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)$", text, re.MULTILINE))
    listed = {p["name"]: p["version"] for p in sbom["components"]}
    assert listed.items() <= locked.items()
    assert listed.keys() == licences.runtime_pins().keys()
    # Beyond them the lock holds what builds the package, and nothing else.
    assert locked.keys() - listed.keys() <= {"setuptools", "wheel"}


@on_the_system_of_the_lock
def test_sbom_marks_what_only_scoring_needs(requirements, sbom):
    licences, _ = requirements
    optional = {p["name"] for p in sbom["components"] if p["scope"] == "optional"}
    assert optional == licences.extra_names()
    assert "torch" in optional
    assert not optional & {"numpy", "scipy", "safetensors", "pyhanko", "pydicom"}
    assert {p["scope"] for p in sbom["components"]} == {"optional", "required"}


@on_the_system_of_the_lock
def test_sbom_is_what_its_maker_writes(requirements, sbom):
    _, make_sbom = requirements
    again = make_sbom.sbom(make_sbom.digests_of_sbom(make_sbom.SBOM))
    written = make_sbom.SBOM.read_text(encoding="utf-8")
    assert make_sbom.sbom_text(again) == written


def test_sbom_without_a_digest_is_refused(requirements):
    _, make_sbom = requirements
    with pytest.raises(ValueError, match="no digest of"):
        make_sbom.sbom({})


def test_sbom_names_no_place_of_the_machine_that_made_it(sbom):
    assert not re.search(r"/(home|root|work|tmp|opt)/|file://", json.dumps(sbom))


@on_the_system_of_the_lock
def test_program_lists_its_components(sbom):
    rows = component_rows()
    assert [r.name for r in rows] == sorted(p["name"] for p in sbom["components"])
    assert not [f"{r.name} {r.installed}" for r in rows if r.differs]
