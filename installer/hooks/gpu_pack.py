"""Runs at the bundle's start: a torch in the folder `gpu` beside the program wins."""

import sys
from pathlib import Path

_pack = Path(sys.executable).resolve().parent / "gpu"
if (_pack / "torch").is_dir():
    sys.path.insert(0, str(_pack))
