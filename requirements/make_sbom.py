"""Writes the software bill of materials, CycloneDX 1.6; standard library only.

    .venv/bin/python requirements/make_sbom.py             writes sbom.json
    .venv/bin/python requirements/make_sbom.py --check     fails if it is out of date

The list is what `lock.txt` pins of the run-time needs, with licences from the installed
metadata; what only the extra "score" needs is marked as optional. The digests are those
of the wheels that pip chose on this system; after a change of the lock they come from
pip's own report:

    pip install --dry-run --ignore-installed --no-deps --quiet \
        --report wheels.json -r requirements/lock.txt
    .venv/bin/python requirements/make_sbom.py --wheels wheels.json

Without `--wheels` the digests of an existing sbom.json are kept for unchanged versions.
The same input gives the same bytes: there is no time and no random number in it.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

import licences  # noqa: E402 - found once the line above has run
import make_lock  # noqa: E402

SBOM = HERE / "sbom.json"
_NAMESPACE = uuid.UUID("5a9b3c55-6b54-5d0c-9a53-7f6f1f0f8f11")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def sbom(digests: dict[tuple[str, str], tuple[str, str]]) -> dict[str, Any]:
    """The bill of materials as a JSON value.

    Args:
        digests: (name, version) to (file name of the wheel, its hex SHA-256).

    Raises:
        ValueError: A part has no digest.
    """
    table = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    project = table["project"]
    version = own_version()
    own = f"{project['name']}@{version}"
    needed = make_lock.runtime_requirements(project)
    pins = licences.runtime_pins()
    extra = licences.extra_names()
    components = []
    for row in licences.runtime_licences():
        wheel = digests.get((row.name, row.version))
        if wheel is None:
            raise ValueError(
                f"no digest of {row.name} {row.version}: give pip's report (--wheels)"
            )
        components.append(_component(row, *wheel, optional=row.name in extra))
    content: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": project["name"],
                "version": version,
                "licenses": [{"license": {"id": project["license"]}}],
            },
        },
        "components": components,
        "dependencies": [
            {"ref": own, "dependsOn": _refs(needed, "", pins)},
            *(
                {"ref": _ref(name, version), "dependsOn": _needs(name, pins)}
                for name, version in sorted(pins.items())
            ),
        ],
    }
    text = json.dumps(content, sort_keys=True)
    serial = uuid.uuid5(_NAMESPACE, hashlib.sha256(text.encode()).hexdigest())
    return {**content, "serialNumber": f"urn:uuid:{serial}"}


def own_version() -> str:
    """Version of the program, from the one place where it stands."""
    text = (HERE.parent / "btd_desktop" / "__init__.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    return str(version)


def _component(
    row: licences.Licence, wheel: str, digest: str, *, optional: bool
) -> dict[str, Any]:
    properties = [{"name": "btd:wheel", "value": wheel}]
    if row.remark:
        properties.append({"name": "btd:licence-remark", "value": row.remark})
    return {
        "type": "library",
        "bom-ref": _ref(row.name, row.version),
        "name": row.name,
        "version": row.version,
        "scope": "optional" if optional else "required",
        "purl": f"pkg:pypi/{row.name}@{row.version}",
        "licenses": [{"expression": row.licence}],
        "hashes": [{"alg": "SHA-256", "content": digest}],
        "properties": properties,
    }


def _ref(name: str, version: str) -> str:
    return f"{name}@{version}"


def _needs(name: str, pins: dict[str, str]) -> list[str]:
    return _refs(metadata.requires(name) or [], name, pins)


def _refs(requirements: list[str], name: str, pins: dict[str, str]) -> list[str]:
    """References of the pinned parts among requirements that hold here."""
    environment = make_lock.marker_environment() | {"extra": ""}
    found = set()
    for text in requirements:
        head, _, marker = text.partition(";")
        match = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", head)
        if match is None:
            continue
        if marker.strip() and not make_lock.marker_holds(marker, environment):
            continue
        needed = make_lock.normalised(match.group(1))
        if needed in pins and needed != name:
            found.add(_ref(needed, pins[needed]))
    return sorted(found)


def digests_of_report(report: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """Wheels and digests by name and version, from `pip install --report`."""
    found = {}
    for item in json.loads(report.read_text(encoding="utf-8"))["install"]:
        name = make_lock.normalised(item["metadata"]["name"])
        version = str(item["metadata"]["version"]).partition("+")[0]
        digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
        if not _SHA256.fullmatch(digest):
            raise ValueError(f"the digest of {name} is no SHA-256")
        wheel = item["download_info"]["url"].partition("#")[0].rpartition("/")[2]
        found[name, version] = (wheel.replace("%2B", "+"), digest)
    return found


def digests_of_sbom(path: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """The same from a bill of materials that was written before."""
    found = {}
    for part in json.loads(path.read_text(encoding="utf-8"))["components"]:
        wheel = next(p["value"] for p in part["properties"] if p["name"] == "btd:wheel")
        found[part["name"], part["version"]] = (wheel, part["hashes"][0]["content"])
    return found


def sbom_text(value: dict[str, Any]) -> str:
    """The file's content."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write or compare sbom.json; the exit status says whether it was out of date."""
    digests = digests_of_sbom(SBOM) if SBOM.is_file() else {}
    if "--wheels" in arguments:
        report = Path(arguments[arguments.index("--wheels") + 1])
        digests |= digests_of_report(report)
    text = sbom_text(sbom(digests))
    if "--check" not in arguments:
        SBOM.write_text(text, encoding="utf-8", newline="\n")
        return 0
    if SBOM.is_file() and SBOM.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"sbom.json is out of date: run {Path(__file__).name}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
