"""No value of any element makes a check raise, or gets into a sentence unseen."""

from __future__ import annotations

import unicodedata
from typing import Any, Final

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from btd_desktop.dicom.assemble import Instance, assemble_series
from btd_desktop.dicom.header import NUMBER_ELEMENTS, TEXT_ELEMENTS, read_facts
from btd_desktop.dicom.instance import FrameFacts, InstanceFacts, SignatureFacts
from btd_desktop.dicom.instance_file import META_ELEMENTS
from btd_desktop.dicom.safe_dataset import SafeDataset
from btd_desktop.dicom.series import LoadedSeries

SIDE: Final = 5
WORDS: Final = (
    *TEXT_ELEMENTS,
    *META_ELEMENTS.values(),
    "private_creators",
    "preamble",
    "transfer_syntax",
)
LIKELY: Final = (
    "",
    "00000000",
    "99991231",
    "00010101",
    "235960",
    "2.25.1",
    "1.2.840.113619.2",
    "SIEMENS",
    "GEMS_ACQU_01\\SIEMENS CSA HEADER",
    "DERIVED\\SECONDARY",
    "YES",
    "\u202e\x00\ud800\n",
)
texts = st.one_of(st.sampled_from(LIKELY), st.text(max_size=80))
numbers = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 5e-324, 1.7e308, -1.7e308, 65536.0]),
    st.floats(allow_nan=False, allow_infinity=False),
)
maybe_number = st.none() | numbers
frames = st.builds(
    FrameFacts,
    position=st.none() | st.tuples(numbers, numbers, numbers),
    orientation=st.sampled_from([None, (1.0, 0, 0, 0, 1.0, 0), (0.0,) * 6]),
    spacing=st.none() | st.tuples(numbers, numbers),
    slope=maybe_number,
    intercept=maybe_number,
    thickness_mm=maybe_number,
)
signatures = st.builds(
    SignatureFacts,
    state=st.sampled_from(["verified", "failed", "unchecked"]),
    reason=texts,
    signer=texts,
    signed_at=texts,
    remarks=st.lists(st.just("A remark."), max_size=2).map(tuple),
)
facts_of_any_kind = st.builds(
    InstanceFacts,
    text=st.dictionaries(st.sampled_from(WORDS), texts, max_size=25).map(
        lambda text: {"sop_class": "CT", **text, "modality": "CT"}
    ),
    number=st.dictionaries(
        st.sampled_from(list(NUMBER_ELEMENTS)), numbers, max_size=12
    ),
    frames=st.tuples(frames),
    padding=st.none() | st.tuples(numbers, numbers).map(lambda p: tuple(sorted(p))),
    flags=st.lists(
        st.sampled_from(["lossy", "signed", "simulated", "modality_lut"]), max_size=3
    ).map(tuple),
    signatures=st.lists(signatures, max_size=2).map(tuple),
)


def _unseen(series: LoadedSeries) -> list[str]:
    return [
        finding.sentence
        for finding in series.findings
        for character in finding.sentence
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(max_examples=120, deadline=None)
@given(st.lists(facts_of_any_kind, min_size=1, max_size=9), st.integers(0, 2**32))
def test_facts_of_any_kind_end_in_findings(
    many: list[InstanceFacts], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    dtype = (np.int16, np.uint16, np.uint8, np.int32)[seed % 4]
    instances = []
    for index, facts in enumerate(many):
        pixels = rng.integers(0, 120, (1, SIDE, SIDE)).astype(dtype)
        instances.append(Instance(f"{index}.dcm", facts, pixels, f"digest {index}"))
    for series in assemble_series(instances, {}):
        assert series.findings is not None
        assert not _unseen(series)
        for finding in series.findings:
            assert finding.severity in ("note", "warning")
            assert "tampered" not in finding.sentence.replace(
                "simulated or tampered copies", ""
            )


def _keywords() -> list[str]:
    return [*TEXT_ELEMENTS.values(), *NUMBER_ELEMENTS.values()]


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(_keywords()),
        st.one_of(
            st.binary(max_size=24), st.sampled_from([b"1e308", b"-1e400", b"\\"])
        ),
        max_size=20,
    ),
    st.booleans(),
)
def test_bytes_of_any_kind_in_any_element_end_in_findings(
    values: dict[str, bytes], is_implicit: bool
) -> None:
    dataset = Dataset()
    for keyword, value in values.items():
        tag = Tag(keyword)
        element: Any = RawDataElement(
            tag, None, len(value), value, 0, is_implicit, True
        )
        dataset._dict[tag] = element
    facts = read_facts(SafeDataset(dataset), "1.2.840.10008.1.2.1", "")
    facts.text["modality"] = "CT"
    pixels = np.arange(SIDE * SIDE, dtype=np.int16).reshape(1, SIDE, SIDE)
    for series in assemble_series([Instance("a.dcm", facts, pixels, "digest")], {}):
        assert not _unseen(series)
