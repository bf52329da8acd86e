"""Builds the handbook from `docs/`: HTML for Help > Handbook, PDF for print.

    .venv/bin/python docs/build_handbook.py          writes handbook/ (HTML)
    .venv/bin/python docs/build_handbook.py --pdf    and dist/btd-handbook.pdf

Sphinx makes both, WeasyPrint the PDF. Nothing is fetched: a link or picture that is
not beside the sources is an error. What lies in `handbook/` goes into the wheel.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
HTML = ROOT / "handbook"
PDF = ROOT / "dist" / "btd-handbook.pdf"
# Of use to other Sphinx projects only.
_LEFT_OUT = (".buildinfo", "objects.inv", "_sources")


def build_html(out: Path, *, single: bool = False) -> None:
    """Write the handbook as HTML; what was there is replaced.

    Args:
        out: Folder, made anew.
        single: One page, for print.

    Raises:
        SystemExit: Sphinx has a warning: a link, a picture or a docstring is wrong.
    """
    from sphinx.cmd.build import build_main

    shutil.rmtree(out, ignore_errors=True)
    kind = "singlehtml" if single else "html"
    style = ["-D", "html_theme=basic", "-t", "print"] if single else []
    with tempfile.TemporaryDirectory() as trees:
        options = ["-b", kind, "-q", "-W", "--keep-going", "-d", trees, *style]
        status = build_main([*options, str(DOCS), str(out)])
    if status:
        raise SystemExit(status)
    _add_licences(out / "_static" / "licences")
    for name in _LEFT_OUT:
        path = out / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _add_licences(folder: Path) -> None:
    """Put the licences of what the pages bring of other projects beside it."""
    folder.mkdir(parents=True)
    for tool in ("sphinx", "furo", "snowballstemmer"):
        for path in metadata.files(tool) or ():
            if path.name.startswith(("LICENSE", "COPYING")) and "dist-info" in str(
                path
            ):
                shutil.copy(path.locate(), folder / f"{tool}.txt")


def build_pdf(path: Path) -> None:
    """Write the handbook as one PDF."""
    from weasyprint import CSS, HTML
    from weasyprint.urls import URLFetcher

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        build_html(Path(folder, "html"), single=True)
        fetch = URLFetcher(allowed_protocols=("file",))
        page = HTML(Path(folder, "html", "index.html"), url_fetcher=fetch)
        page.write_pdf(path, stylesheets=[CSS(DOCS / "templates" / "print.css")])


def main(arguments: list[str]) -> int:
    """Build what the arguments ask for."""
    if arguments not in ([], ["--pdf"]):
        print((__doc__ or "").strip(), file=sys.stderr)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    build_html(HTML)
    files = [p for p in HTML.rglob("*") if p.is_file()]
    size = sum(p.stat().st_size for p in files) / 1e6
    print(f"{HTML}: {len(files)} files, {size:.1f} MB")
    if arguments:
        build_pdf(PDF)
        print(f"{PDF}: {PDF.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
