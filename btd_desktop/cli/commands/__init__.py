"""One module per command; each imports what it needs when it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import typer

from btd_desktop.cli.commands import bench_paper, bench_processing, bench_studies
from btd_desktop.cli.commands.bench import bench
from btd_desktop.cli.commands.calibrate import calibrate_model
from btd_desktop.cli.commands.compare import compare_deliveries
from btd_desktop.cli.commands.convert import convert_checkpoint
from btd_desktop.cli.commands.countersign import countersign_report, stamp_report
from btd_desktop.cli.commands.declare import declare_mandate
from btd_desktop.cli.commands.demo import demonstrate
from btd_desktop.cli.commands.doctor import check_installation
from btd_desktop.cli.commands.examine import examine_evidence
from btd_desktop.cli.commands.export_dicom import export_dicom
from btd_desktop.cli.commands.gui import open_gui
from btd_desktop.cli.commands.handbook import print_handbook
from btd_desktop.cli.commands.import_evidence import import_evidence
from btd_desktop.cli.commands.mark import mark_finding
from btd_desktop.cli.commands.models import list_installed
from btd_desktop.cli.commands.pack import pack_case, unpack_case
from btd_desktop.cli.commands.report import report_case
from btd_desktop.cli.commands.reproduce import reproduce_report
from btd_desktop.cli.commands.score import score_case
from btd_desktop.cli.commands.simulate import simulate_scan
from btd_desktop.cli.commands.sweep import sweep_archive
from btd_desktop.cli.commands.train import train_model
from btd_desktop.cli.commands.verify import verify_report
from btd_desktop.cli.commands.verify_case import verify_case

__all__ = ["COMMANDS", "GROUPS"]

COMMANDS: Mapping[str, Callable[..., int]] = MappingProxyType(
    {
        "gui": open_gui,
        "declare": declare_mandate,
        "examine": examine_evidence,
        "sweep": sweep_archive,
        "import": import_evidence,
        "score": score_case,
        "mark": mark_finding,
        "report": report_case,
        "export-dicom": export_dicom,
        "verify": verify_report,
        "verify-case": verify_case,
        "countersign": countersign_report,
        "timestamp": stamp_report,
        "reproduce": reproduce_report,
        "pack": pack_case,
        "unpack": unpack_case,
        "compare": compare_deliveries,
        "calibrate": calibrate_model,
        "train": train_model,
        "convert": convert_checkpoint,
        "models": list_installed,
        "simulate": simulate_scan,
        "demo": demonstrate,
        "doctor": check_installation,
        "handbook": print_handbook,
    }
)

BENCH_PARTS = (bench_paper, bench_processing, bench_studies)
"""Modules that add their commands to `bench` by being imported."""

GROUPS: Mapping[str, typer.Typer] = MappingProxyType({"bench": bench})
"""Commands that have commands of their own."""
