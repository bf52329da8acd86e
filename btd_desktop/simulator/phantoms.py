"""Simulated patients: a chest for CT, a head for MR."""

from btd_desktop.simulator.chest import ChestPhantom, chest_phantom
from btd_desktop.simulator.head import HeadPhantom, head_phantom
from btd_desktop.simulator.nodule import Nodule

__all__ = [
    "ChestPhantom",
    "HeadPhantom",
    "Nodule",
    "chest_phantom",
    "head_phantom",
]
