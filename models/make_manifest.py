"""Writes models/manifest.json, and the digests in the program, from what lies here.

Run it after a shipped model or profile was made anew, and commit the result with it:

    .venv/bin/python models/make_manifest.py          writes the manifest
    .venv/bin/python models/make_manifest.py --check  fails if one is out of date
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT.parent))

from btd_desktop.examination.model_manifest import (  # noqa: E402 - needs the path above
    MANIFEST_FILE,
    make_manifest,
    write_manifest,
)
from btd_desktop.examination.shipped_models import (  # noqa: E402
    DIGESTS_FILE,
    digests_module,
)


def main(arguments: list[str]) -> int:
    """Write or check the manifest; exit code 1 when it is out of date."""
    if arguments != ["--check"]:
        sys.stdout.write(f"{write_manifest(ROOT)}\n")
        DIGESTS_FILE.write_text(digests_module(ROOT), encoding="utf-8", newline="\n")
        sys.stdout.write(f"{DIGESTS_FILE}\n")
        return 0
    path = ROOT / MANIFEST_FILE
    written = json.loads(path.read_text("utf-8")) if path.is_file() else None
    inside = DIGESTS_FILE.read_text(encoding="utf-8")
    if written == make_manifest(ROOT) and inside == digests_module(ROOT):
        return 0
    sys.stderr.write(
        f"{path} or {DIGESTS_FILE} is out of date: run python models/make_manifest.py\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
