"""Builds, checks and releases what is installed without Python; no part of the wheel.

`build.py`, `check.py` and `release.py` are run; the other modules are theirs.
"""
