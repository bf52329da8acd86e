"""Ceilings that hostile input runs into, in one place.

Every figure is far above what a clinical study needs and far below what hurts a
workstation; the reasons for a refusal quote them.
"""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1 << 20
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """What one import may cost.

    Attributes:
        max_files: Files and archive members looked at in one import.
        max_folder_depth: Folders inside folders.
        max_file_bytes: One file, as stored.
        max_pixel_bytes: One file's declared pixels, checked before decoding:
            rows x columns x frames x samples x bytes.
        max_trailing_bytes: What follows the data set of one DICOM file.
        max_inflated_bytes: One deflated DICOM dataset or gzipped volume, inflated.
        max_zip_members: Entries of one ZIP.
        max_zip_total_bytes: One ZIP, unpacked.
        max_zip_ratio: Unpacked over packed size, applied to members above
            `zip_ratio_from_bytes` (an empty slice compresses better than any bomb).
        zip_ratio_from_bytes: See `max_zip_ratio`.
        worker_memory_bytes: Address space of one parsing process (POSIX only).
        file_timeout_s: Seconds that parsing one file may take; 1 s is added for
            each 16 MiB of the file.
        workers: Parsing processes.
    """

    max_files: int = 1_000_000
    max_folder_depth: int = 64
    max_file_bytes: int = 4 * _GIB
    max_pixel_bytes: int = 2 * _GIB
    max_trailing_bytes: int = 64 * _MIB
    max_inflated_bytes: int = 2 * _GIB
    max_zip_members: int = 200_000
    max_zip_total_bytes: int = 20 * _GIB
    max_zip_ratio: float = 200.0
    zip_ratio_from_bytes: int = 16 * _MIB
    worker_memory_bytes: int = 8 * _GIB
    file_timeout_s: float = 60.0
    workers: int = 2


DEFAULT_LIMITS = Limits()
