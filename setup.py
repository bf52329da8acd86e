"""Puts what lies outside the package into the wheel; pyproject.toml holds the rest.

`models/`, `assets/` and the bill of materials stand at the repository's root, once, and
so does `handbook/` once it is built. A wheel gets them under `btd_desktop/_shipped`,
where `btd_desktop/paths.py` looks; an editable installation gets no copy and uses those
of the checkout.
"""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
SHIPPED = Path("btd_desktop", "_shipped")
# The attacks of `btd bench` are no part of an examination: their weights stay out.
PATTERNS = (
    "assets/shortcuts.toml",
    "assets/fonts/*",
    "assets/icons/*.svg",
    "assets/theme/*",
    "models/README.md",
    "models/manifest.json",
    "models/*/card.json",
    "models/*/weights.safetensors",
    "models/*/evidence/*",
    "models/*/profiles/*.json",
    "requirements/sbom.json",
)
# Built by docs/build_handbook.py; a wheel without it says so where it would open it.
WHERE_BUILT = ("handbook/**/*",)


def shipped_files() -> list[Path]:
    """Files that go into the wheel besides the package, relative to the root.

    Raises:
        FileNotFoundError: A pattern finds nothing, so the wheel would not run.
    """
    found = []
    for pattern in PATTERNS:
        matches = sorted(ROOT.glob(pattern))
        if not matches:
            raise FileNotFoundError(f"nothing in {ROOT} is {pattern}")
        found += [path.relative_to(ROOT) for path in matches]
    for pattern in WHERE_BUILT:
        files = (path for path in sorted(ROOT.glob(pattern)) if path.is_file())
        found += [path.relative_to(ROOT) for path in files]
    return found


class BuildWithShipped(build_py):
    """The usual step, and the files of `shipped_files` beside the modules."""

    def run(self) -> None:
        """Copy modules, then what is shipped with them."""
        super().run()
        for name in () if self.editable_mode else shipped_files():
            target = Path(self.build_lib, SHIPPED, name)
            self.mkpath(str(target.parent))
            self.copy_file(str(ROOT / name), str(target), preserve_mode=False)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Files written, for the record of the installation."""
        copied = () if self.editable_mode else shipped_files()
        return [
            *super().get_outputs(include_bytecode),
            *(str(Path(self.build_lib, SHIPPED, name)) for name in copied),
        ]

    def get_source_files(self) -> list[str]:
        """Files that a source distribution needs."""
        return [*super().get_source_files(), *map(str, shipped_files())]


if __name__ == "__main__":  # so also for pip; a bundle only asks what is shipped
    setup(cmdclass={"build_py": BuildWithShipped})
