"""A place as a picture for archives that show nothing else (PS3.3 A.8).

Words and marks are burned in: whoever sees the picture sees that it is no diagnostic
image. The pixels of the slice are enlarged by whole factors only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from highdicom.sc import SCImage
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from btd_desktop import paths
from btd_desktop.dicom.output.envelope import FORENSIC, Envelope, file_bytes
from btd_desktop.dicom.output.origin import Origin

_KIND: Final = "secondary capture"
_SHORTEST_SIDE: Final = 512
_FONT: Final = "DejaVuSans.ttf"
_MARK: Final = (255, 219, 26)
_SIZE: Final = 17
_LINE: Final = 24
_AXES: Final = ("LR", "PA", "HF")  # toward +, - of x, y, z


@dataclass(frozen=True, slots=True, eq=False)
class PlacePicture:
    """A place to be shown.

    Attributes:
        slice_index: From 0.
        grey: The slice in its display window, shape (H, W), uint8.
        box: (row, column, height, width) of the patch scored, in pixels.
        lines: What stands below the slice.
    """

    slice_index: int
    grey: NDArray[np.uint8]
    box: tuple[int, int, int, int]
    lines: tuple[str, ...]


def secondary_captures(
    origin: Origin, envelope: Envelope, pictures: Sequence[PlacePicture]
) -> list[bytes]:
    """Files of the pictures, an instance each, in one series."""
    return [
        _file(origin, envelope, picture, n) for n, picture in enumerate(pictures, 1)
    ]


def drawn(picture: PlacePicture) -> NDArray[np.uint8]:
    """The picture with marks and words, shape (H', W', 3), uint8."""
    factor = max(1, -(-_SHORTEST_SIDE // min(picture.grey.shape)))
    slice_image = picture.grey.repeat(factor, axis=0).repeat(factor, axis=1)
    height, width = slice_image.shape
    font = ImageFont.truetype(str(paths.assets_dir() / "fonts" / _FONT), _SIZE)
    lines = [
        part for line in (FORENSIC, *picture.lines) for part in _wrapped(line, width)
    ]
    below = _LINE * (len(lines) + 1)
    sheet = Image.new("RGB", (width, height + below), (0, 0, 0))
    sheet.paste(Image.fromarray(slice_image), (0, 0))
    draw = ImageDraw.Draw(sheet)
    row, column, high, wide = (factor * side for side in picture.box)
    draw.rectangle((column, row, column + wide, row + high), outline=_MARK, width=2)
    # On the slice itself too: a viewer may cut what lies below.
    draw.text((6, 4), FORENSIC, font=font, fill=_MARK, stroke_width=2, stroke_fill=0)
    for number, line in enumerate(lines):
        colour = _MARK if number == 0 else (230, 230, 230)
        draw.text((6, height + 6 + _LINE * number), line, font=font, fill=colour)
    return np.asarray(sheet)


def _wrapped(line: str, width: int) -> list[str]:
    n_characters = max(20, int(width / (_SIZE * 0.56)))
    out, current = [], ""
    for word in line.split():
        if current and len(current) + 1 + len(word) > n_characters:
            out.append(current)
            current = word
        else:
            current = f"{current} {word}".strip()
    return [*out, current]


def _file(origin: Origin, envelope: Envelope, picture: PlacePicture, n: int) -> bytes:
    source = origin.images[picture.slice_index]
    dataset: Dataset = SCImage.from_ref_dataset(
        ref_dataset=source,
        pixel_array=drawn(picture),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=_orientation(source),
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        **envelope.series(_KIND, 3),
        **envelope.instance(_KIND, n),
    )
    dataset.Modality, dataset.Laterality = "OT", ""
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.DerivationDescription = f"A place and its scores. {FORENSIC}"
    # What is burned in by us names nobody; what the source states of itself holds on.
    dataset.BurnedInAnnotation = "YES" if _is_named(source) else "NO"
    dataset.SourceImageSequence = [_reference(source)]
    return file_bytes(dataset, origin, envelope, f"BTD places. {FORENSIC}")


def _orientation(source: Dataset) -> tuple[str, str]:
    """Letters toward which columns and rows go (PS3.3 C.7.6.1.1.1)."""
    numbers = [float(number) for number in source.ImageOrientationPatient]
    row, column = (_letter(numbers[:3]), _letter(numbers[3:]))
    return row, column


def _letter(direction: Sequence[float]) -> str:
    axis = max(range(3), key=lambda i: abs(direction[i]))
    return _AXES[axis][direction[axis] < 0]


def _is_named(source: Dataset) -> bool:
    return str(source.BurnedInAnnotation) == "YES"


def _reference(source: Dataset) -> Dataset:
    """A source image and what it was for (PS3.3 table 10-3, CID 7202)."""
    item, purpose = Dataset(), Dataset()
    item.ReferencedSOPClassUID = source.SOPClassUID
    item.ReferencedSOPInstanceUID = source.SOPInstanceUID
    code = codes.DCM.SourceImageForImageProcessingOperation
    purpose.CodeValue, purpose.CodingSchemeDesignator = code.value, "DCM"
    purpose.CodeMeaning = code.meaning
    item.PurposeOfReferenceCodeSequence = [purpose]
    return item
