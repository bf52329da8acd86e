"""The handbook that came with the program."""

from __future__ import annotations

from pathlib import Path

from btd_desktop import paths
from btd_desktop.errors import MissingPartError


def handbook_page() -> Path:
    """First page of the built handbook, to be opened in a browser without a network.

    Raises:
        MissingPartError: It was not built here.
    """
    page = paths.handbook_page()
    if not page.is_file():
        raise MissingPartError(
            f"the handbook is not built here: {page} is not there",
            hint="in a checkout docs/build_handbook.py builds it; its text lies in "
            "docs/handbook as well",
            code="handbook",
        )
    return page
