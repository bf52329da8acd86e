"""The bundle: a folder with the program, Python and everything that both need.

It is frozen in an environment of its own that holds the pinned parts and nothing else,
so that no tool of a developer gets in and no CUDA either.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from installer.shipped import ROOT, bill_of_materials, version

LOCK: Final = ROOT / "requirements" / "lock.txt"
TOOLS_LOCK: Final = ROOT / "requirements" / "lock-dev.txt"
LICENCES: Final = "licences"
BILL: Final = "bill-of-materials.json"
SUMS: Final = "SHA256SUMS"
_NO_SOURCE: Final = (".py", ".pyc", ".so", ".pyd", ".h", ".dll", ".dylib")
_LICENCE: Final = re.compile(r"licen[cs]e|copying|notice|copyright", re.IGNORECASE)
_OF_PYINSTALLER: Final = "GPL-2.0-or-later WITH Bootloader-exception"


class BuildError(Exception):
    """Why something cannot be built, in one sentence."""


def run(*command: str | Path, cwd: Path | None = None, **variables: str) -> None:
    """Run a command and let it speak.

    Raises:
        BuildError: It ends with another status than 0, or is not there.
    """
    words = [str(part) for part in command]
    try:
        status = subprocess.call(words, cwd=cwd, env=os.environ | variables)
    except OSError as error:
        raise BuildError(f"{words[0]} cannot be run: {error.strerror}") from error
    if status != 0:
        raise BuildError(f"{' '.join(words[:4])} … ended with status {status}")


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def environment_python(work: Path) -> Path:
    """Interpreter of an environment that holds what the locks pin; made when needed.

    Raises:
        BuildError: pip fails, or what it chose is a CUDA build of torch.
    """
    folder = work / "environment"
    stamp = folder / "locks.sha256"
    wanted = " ".join(file_digest(path) for path in (LOCK, TOOLS_LOCK))
    inside = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    python = folder.joinpath(*inside)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    venv.create(folder, clear=True, with_pip=True)
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "-r", LOCK, "-c", TOOLS_LOCK, "pyinstaller")
    asked = "import sys, torch; sys.exit(torch.version.cuda is not None)"
    if subprocess.call([str(python), "-c", asked]) != 0:
        raise BuildError(
            "pip chose a CUDA build of torch, gigabytes larger than the base may be: "
            "point it to the CPU build (docs/gpu.md) and remove " + str(folder)
        )
    stamp.write_text(wanted, encoding="utf-8")
    return python


def freeze(work: Path) -> Path:
    """The bundle's folder, made anew.

    Args:
        work: Keeps the environment and PyInstaller's own files between builds.

    Raises:
        BuildError: A part of it fails.
    """
    python = environment_python(work)
    folder = work / "dist" / "btd-desktop"
    run(
        *(python, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"),
        *("--distpath", folder.parent, "--workpath", work / "pyinstaller"),
        ROOT / "installer" / "btd.spec",
        cwd=work,
        PYTHONHASHSEED="1",  # the same order of everything each time
    )
    site = next((work / "environment").glob("l*/python*/site-packages"), None)
    site = site or work / "environment" / "Lib" / "site-packages"
    carried = list(foreign_libraries(folder))
    write_licences(folder / LICENCES, site, carried)
    bill = json.dumps(bundle_bill(carried, python), indent=1, sort_keys=True)
    (folder / BILL).write_text(bill + "\n", encoding="utf-8", newline="\n")
    text = (ROOT / "installer" / "bundle.txt").read_text(encoding="utf-8")
    (folder / "README.txt").write_text(
        text.replace("@VERSION@", version()), encoding="utf-8", newline="\n"
    )
    write_sums(folder)
    return folder


def foreign_libraries(folder: Path) -> Iterator[Path]:
    """Libraries of the building system that lie in the bundle, at its top."""
    inside = folder / "_internal"
    for path in sorted(inside.glob("*.so*")):
        if not path.is_symlink():
            yield path


def write_sums(folder: Path) -> None:
    """SHA-256 of every file below a folder, as `sha256sum -c` reads it."""
    (folder / SUMS).unlink(missing_ok=True)
    lines = [
        f"{file_digest(path)}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    ]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")


def write_licences(target: Path, site: Path, carried: list[Path]) -> None:
    """Licence texts of everything inside, a folder a part.

    Args:
        target: Made here.
        site: `site-packages` that the bundle was frozen from.
        carried: What `foreign_libraries` gives.

    Raises:
        BuildError: A part has neither a text of its own nor one of ours.
    """
    ours = {
        "Apache-2.0": ROOT / "LICENSE",
        "LGPL-3.0-only": ROOT / "installer" / "licences" / "LGPL-3.0.txt",
    }
    shutil.copytree(ROOT / "installer" / "licences", target)
    _copy(ROOT / "LICENSE", target / "btd-desktop")
    _copy(ROOT / "assets" / "fonts" / "LICENSE.txt", target / "fonts")
    lines = []
    for part in bill_of_materials()["components"]:
        name, stated = str(part["name"]), str(part["licenses"][0]["expression"])
        texts = list(licence_files(name, site))
        if not texts:
            texts = [text for known, text in ours.items() if known in stated]
        for text in texts:
            _copy(text, target / name)
        if not texts:
            _tell(name, site, target / name)
        lines.append(f"{name} {part['version']}: {stated}\n")
    shutil.copy(Path(sys.base_prefix) / _python_licence(), target / "python.txt")
    for path in carried:
        package = debian_package(path.name)
        text = Path("/usr/share/doc", package.partition(" ")[0], "copyright")
        if package and text.is_file():
            _copy(text, target / package.partition(" ")[0])
            lines.append(f"{path.name}: {package} of Debian, see its copyright\n")
    (target / "INDEX.txt").write_text("".join(lines), encoding="utf-8", newline="\n")


def _python_licence() -> str:
    if os.name == "nt":
        return "LICENSE.txt"
    return f"lib/python{sys.version_info.major}.{sys.version_info.minor}/LICENSE.txt"


def licence_files(name: str, site: Path) -> Iterator[Path]:
    """Licence texts that a distribution brings."""
    for found in metadata.Distribution.discover(name=name, path=[str(site)]):
        for file in found.files or ():
            path = Path(str(found.locate_file(file)))
            is_text = path.suffix not in _NO_SOURCE and _LICENCE.search(str(file))
            if is_text and "DarkGarden" not in path.name and path.is_file():
                yield path


def _tell(name: str, site: Path, folder: Path) -> None:
    """What a distribution without a text says of its licence."""
    (found,) = metadata.Distribution.discover(name=name, path=[str(site)])
    facts = found.metadata.json
    said = [
        f"{key}: {facts[key]}\n"
        for key in ("name", "version", "license", "license_expression", "author",
                    "author_email", "home_page", "project_url", "classifier")
        if facts.get(key)
    ]  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    words = "The distribution brings no licence text. Its metadata say:\n\n"
    (folder / "METADATA.txt").write_text(words + "".join(said), encoding="utf-8")


def _copy(source: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target, number = folder / source.name, 2
    while target.exists():
        target = folder / f"{source.stem}-{number}{source.suffix}"
        number += 1
    shutil.copyfile(source, target)


def debian_package(library: str) -> str:
    """Name and version of the installed package with a library; "" when none has it."""
    if shutil.which("dpkg-query") is None:
        return ""
    owner = _said("dpkg-query", "-S", f"*/{library}").partition(":")[0].strip()
    form = "${Package} ${Version}"
    return (
        _said("dpkg-query", "-W", "-f", form, owner).partition("\n")[0] if owner else ""
    )


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def bundle_bill(carried: list[Path], python: Path) -> dict[str, Any]:
    """The program's bill of materials, and what a bundle holds besides.

    Args:
        carried: What `foreign_libraries` gives.
        python: Interpreter of the environment that was frozen.
    """
    bill = bill_of_materials()
    bill.pop("serialNumber", None)
    asked = (
        "import platform, PyInstaller; "
        "print(platform.python_version(), PyInstaller.__version__)"
    )
    numbers = _said(str(python), "-c", asked).split()
    bill["components"] += [
        _component("CPython", numbers[0], "PSF-2.0"),
        _component("PyInstaller's start program", numbers[1], _OF_PYINSTALLER),
    ]
    for path in carried:
        name, _, number = debian_package(path.name).partition(" ")
        licence = f"see {LICENCES}/{name}" if name else ""
        bill["components"].append(_component(path.name, number, licence, path))
    return bill


def _component(
    name: str, number: str, licence: str, file: Path | None = None
) -> dict[str, Any]:
    value: dict[str, Any] = {"type": "library", "name": name, "version": number}
    if licence:
        value["licenses"] = [{"license": {"name": licence}}]
    if file is not None:
        value["hashes"] = [{"alg": "SHA-256", "content": file_digest(file)}]
    return value
