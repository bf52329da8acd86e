"""JSON in the columns of a case: what this program writes, and nothing else."""

from __future__ import annotations

import pytest

from btd_desktop.cases.text import dict_from_json, json_text, list_from_json
from btd_desktop.errors import CaseError


@pytest.mark.parametrize(
    "text",
    [
        '{"a":NaN}',
        '{"a":-Infinity}',
        '{"a":1e999}',
        '{"a":1}x',
        '{"a":"\\ud800"}',
        '{"a":"\ud800"}',
        '{"a":"\0"}',
        '{"a":01}',
        "\ufeff{}",
        '{"a":' * 5000 + "1" + "}" * 5000,
        '{"a":' * 40 + "1" + "}" * 40,
        "[]",
        "null",
        "",
        None,
        b"{}",
        7,
    ],
)
def test_what_this_program_never_writes_is_called_altered(text: object) -> None:
    with pytest.raises(CaseError, match="not the JSON that belongs there"):
        dict_from_json(text)


def test_an_object_is_no_list_and_a_list_is_one() -> None:
    assert list_from_json('["a",1]') == ["a", 1]
    with pytest.raises(CaseError):
        list_from_json('{"a":1}')


@pytest.mark.parametrize(
    "value",
    [0.1, -0.0, 5e-324, 1.7976931348623157e308, 2**53 + 1, 10**30, "ä\u2028", None],
)
def test_values_survive_to_the_last_bit(value: object) -> None:
    text = json_text({"a": value, "b": [{"c": value}]})
    assert json_text(dict_from_json(text)) == text
