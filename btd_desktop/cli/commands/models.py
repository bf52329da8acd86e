"""`btd models`: the installed models, and why one cannot be used."""

from __future__ import annotations

from btd_desktop.cli.options import AsJson
from btd_desktop.cli.output import columns, print_json, say


def list_installed(as_json: AsJson = False) -> int:
    """List installed models with their calibration profiles."""
    from btd_desktop.examination.models import list_models
    from btd_desktop.workflow.doctor import models_json

    entries = models_json(list_models())
    if as_json:
        print_json({"models": entries})
        return 0
    if not entries:
        say("No model is installed (`btd doctor` names the folders).")
        return 0
    rows, others = [], []
    for entry in entries:
        if entry["problem"]:
            rows.append((entry["name"], "–", "–", "0", f"unusable: {entry['problem']}"))
            continue
        if not entry["standing"]["is_shipped"]:
            others.append(entry["standing"]["sentence"])
        usable = [p for p in entry["profiles"] if not p["problem"]]
        rows.append(
            (
                entry["name"],
                entry["modality"],
                f"{entry['n_parameters']:,}",
                str(len(usable)),
                entry["title"],
            )
        )
    say(*columns(("model", "for", "parameters", "profiles", ""), rows))
    say(*others)
    return 0
