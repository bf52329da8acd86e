"""Simulated patients and test objects: chest and water for CT, head for MR."""

from btd_desktop.simulator.chest import ChestPhantom, chest_phantom
from btd_desktop.simulator.head import HeadPhantom, head_phantom
from btd_desktop.simulator.water import WaterPhantom
from btd_desktop.tampering.nodule import Nodule

__all__ = [
    "ChestPhantom",
    "HeadPhantom",
    "Nodule",
    "WaterPhantom",
    "chest_phantom",
    "head_phantom",
]
