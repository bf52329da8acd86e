"""`btd declare`: what is to be tested in a case, before scoring or as a change."""

from __future__ import annotations

import typer

from btd_desktop.cli.options import (
    AsJson,
    CaseFolder,
    NamedPlaces,
    SearchIn,
    mandate_of,
)
from btd_desktop.cli.output import print_json, say
from btd_desktop.cli.watching import watched


def declare_mandate(
    case: CaseFolder,
    search_in: SearchIn = "",
    named_place: NamedPlaces = None,
    as_json: AsJson = False,
) -> int:
    """Declare what is to be tested: a search, and places that the mandate names.

    What is declared before scoring decides the conclusion. A later declaration is a
    change: the audit log and every report tell it, with the answers to both.
    """
    from btd_desktop.examination.declared import declared_lines
    from btd_desktop.strict_json import plain_json
    from btd_desktop.workflow.custody import open_checked
    from btd_desktop.workflow.declare import declare
    from btd_desktop.workflow.services import default_services

    mandate = mandate_of(search_in, named_place)
    if mandate is None:
        raise typer.BadParameter("name a --search-in or a --named-place")
    services = default_services()
    with watched() as context, open_checked(case, services, context) as store:
        declared = declare(store, mandate, services)
    if as_json:
        print_json({"case": str(case), "declared": plain_json(declared)})
        return 0
    say(*declared_lines(declared))
    return 0
