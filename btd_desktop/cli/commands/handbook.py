"""`btd handbook`: where the handbook lies."""

from __future__ import annotations

from btd_desktop.cli.options import AsJson
from btd_desktop.cli.output import print_json, say


def print_handbook(as_json: AsJson = False) -> int:
    """Print where the handbook lies, to open it in a browser; no network is needed."""
    from btd_desktop.workflow.handbook import handbook_page

    page = handbook_page()
    if as_json:
        print_json({"handbook": str(page), "address": page.as_uri()})
        return 0
    say(str(page))
    return 0
