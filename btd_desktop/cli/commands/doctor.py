"""`btd doctor`: the state of this installation."""

from __future__ import annotations

from btd_desktop.cli.options import AsJson
from btd_desktop.cli.output import fields, print_json, say

__all__ = ["check_installation"]


def check_installation(as_json: AsJson = False) -> int:
    """Check versions, folders, models, profiles, device, window and decoders.

    Exit status 0 if the main job can be done here, 1 if something stands in its way.
    """
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
