"""`btd doctor`: the state of this installation."""

from __future__ import annotations

from typing import Annotated

import typer

from btd_desktop.cli.options import AsJson
from btd_desktop.cli.output import fields, print_json, say


def check_installation(
    components: Annotated[
        bool,
        typer.Option(
            "--components", help="List the parts of the program with their licences."
        ),
    ] = False,
    selftest: Annotated[
        bool,
        typer.Option(
            "--selftest",
            help="Try it all: packages, models, a score, a signed report, the window.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Check versions, folders, models, profiles, device, window and decoders.

    Exit status 0 if the main job can be done here, 1 if something stands in its way;
    with --selftest 0 only if all that was tried passed.
    """
    if components and selftest:
        raise typer.BadParameter("--components and --selftest exclude each other")
    if selftest:
        return _try_it_all(as_json=as_json)
    if components:
        return _list_components(as_json=as_json)
    from btd_desktop.workflow.doctor import diagnose
    from btd_desktop.workflow.services import default_services

    diagnosis = diagnose(default_services())
    if as_json:
        print_json(diagnosis.to_json())
        return 0 if diagnosis.ok else 1
    for section in diagnosis.sections:
        say(f"{section.title}")
        say(*(f"  {line}" for line in fields(*section.rows)))
    say(*(f"remark: {remark}" for remark in diagnosis.remarks))
    say(*(f"problem: {problem}" for problem in diagnosis.problems))
    say(
        "The main job can be done here." if diagnosis.ok else "Something is in the way."
    )
    return 0 if diagnosis.ok else 1


def _try_it_all(*, as_json: bool) -> int:
    from dataclasses import asdict

    from btd_desktop.workflow.selftest.steps import run_selftest

    checks = run_selftest(lambda check: None if as_json else say(check.line))
    ok = all(check.state != "not" for check in checks)
    if as_json:
        print_json({"ok": ok, "checks": [asdict(check) for check in checks]})
        return 0 if ok else 1
    n_left = sum(check.state == "not tried" for check in checks)
    left = f" ({n_left} not tried)" if n_left else ""
    say(f"All that was tried passed{left}." if ok else "Something does not work.")
    return 0 if ok else 1


def _list_components(*, as_json: bool) -> int:
    from dataclasses import asdict

    from btd_desktop.workflow.components import component_rows

    rows = component_rows()
    if as_json:
        print_json({"components": [asdict(row) for row in rows]})
        return 0
    for row in rows:
        note = f"  (installed: {row.installed or 'none'})"
        shown = note if row.differs or not row.installed else ""
        say(f"{row.name} {row.version}: {row.licence}{shown}")
    return 0
