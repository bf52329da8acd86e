"""Errors carry what the examiner, the shell and a program each need."""

from __future__ import annotations

import pytest

from btd_desktop import errors
from btd_desktop.errors import BtdError, Cancelled, EvidenceError, UnauthenticatedError

_FAMILIES = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, BtdError)
]


@pytest.mark.parametrize("family", _FAMILIES)
def test_error_carries_detail_hint_and_code(family):
    error = family("a.dcm ends early", hint="ask for the file again", code="short")
    assert isinstance(error, BtdError)
    assert str(error) == error.detail == "a.dcm ends early"
    assert error.hint == "ask for the file again"
    assert error.code == "short"


@pytest.mark.parametrize(
    ("family", "code"),
    [
        (BtdError, "btd"),
        (EvidenceError, "evidence"),
        (UnauthenticatedError, "unauthenticated"),
    ],
)
def test_error_without_code_is_named_by_its_family(family, code):
    assert family("x").code == code
    assert family("x").hint == ""


def test_exit_codes_are_distinct_by_family_and_avoid_the_shell_own():
    codes = [family.exit_code for family in _FAMILIES]
    assert len(set(codes)) == len(codes)
    # 0 is success and 2 is what argument parsers use.
    assert not {0, 2} & set(codes)


def test_docstring_tree_states_the_exit_codes():
    tree = errors.__doc__ or ""
    for family in _FAMILIES[1:]:
        line = next(ln for ln in tree.splitlines() if family.__name__ in ln)
        assert f" {family.exit_code} " in line


def test_cancelled_is_no_error_of_the_examiner():
    assert not issubclass(Cancelled, BtdError)
    assert Cancelled.exit_code == 130
