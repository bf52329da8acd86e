"""BTD Desktop: examines CT and MR scans for tampering.

Importing the package costs nothing: no torch, no Qt, no file access.
"""

__version__ = "0.3.0"
