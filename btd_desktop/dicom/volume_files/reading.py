"""One volume file from its bytes, and where its values lie if not in it."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

from msgspec.structs import replace

from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.parsed import ParsedFile, RejectedFileError, refused
from btd_desktop.dicom.volume_files.layout import GZIP_MAGIC, PAIR, Layout, Remark
from btd_desktop.dicom.volume_files.metaimage import read_metaimage
from btd_desktop.dicom.volume_files.nifti import read_nifti
from btd_desktop.dicom.volume_files.nrrd import read_nrrd
from btd_desktop.dicom.volume_files.payload import gunzip, parsed_volume

# A NIfTI header with its extensions; none is larger.
_NIFTI_HEADER_BYTES: Final = 16 << 20


def companion_names(name: str, data: bytes) -> tuple[str, ...]:
    """Names that the file of a volume's values may have, in the header's folder.

    Empty when the values follow the header, or the header is refused: `parse_volume`
    then says why. A header may give a plain name only, no path.
    """
    if data[:2] == GZIP_MAGIC and not name.lower().endswith(".hdr.gz"):
        return ()
    try:
        layout = _layout(data, _NIFTI_HEADER_BYTES)[0]
        wanted = _plain_name(layout)
    except RejectedFileError:
        return ()
    if wanted is None:
        return ()
    if wanted != PAIR:
        return (wanted,)
    stem = PurePath(name).name
    while PurePath(stem).suffix.lower() in (".hdr", ".gz"):
        stem = PurePath(stem).stem
    return (f"{stem}.img", f"{stem}.img.gz")


def parse_volume(data: bytes, companion: bytes | None, limits: Limits) -> ParsedFile:
    """Array (times, S, H, W) and grid of a volume file, or why it cannot be used."""
    try:
        layout, data, remarks = _layout(data, limits.max_inflated_bytes)
        name = _plain_name(layout)
        if companion is not None and name == PAIR and companion[:2] == GZIP_MAGIC:
            companion, more = gunzip(companion, limits.max_inflated_bytes)
            remarks += more
        parsed = parsed_volume(layout, data, companion, limits)
    except RejectedFileError as rejected:
        return ParsedFile(rejected.fate, rejected.reason)
    return replace(parsed, remarks=(*parsed.remarks, *remarks))


def _layout(data: bytes, max_bytes: int) -> tuple[Layout, bytes, list[Remark]]:
    remarks: list[Remark] = []
    if data[:2] == GZIP_MAGIC:
        data, remarks = gunzip(data, max_bytes)
    if data.startswith(b"NRRD000"):
        return read_nrrd(data), data, remarks
    if data[:4] in _SIZES:
        return read_nifti(data), data, remarks
    return read_metaimage(data), data, remarks


_SIZES: Final = tuple(
    size.to_bytes(4, order) for size in (348, 540) for order in ("little", "big")
)


def _plain_name(layout: Layout) -> str | None:
    name = layout.detached
    if name is None or name == PAIR:
        return name
    is_plain = PurePath(name).name == name and not set(name) & set('/\\:<>|"?*\0')
    if not is_plain or name in (".", ".."):
        raise refused(
            f"The header names a file elsewhere ({name[:60]!r}); only one beside it is "
            "read."
        )
    return name
