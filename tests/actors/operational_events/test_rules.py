"""Whatever is told fits into what may be stored, and says nothing secret."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alphapy.actors.operational_events import rules
from alphapy.pure.masking import Mask

JSON_LIKE = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.binary(max_size=5),
        st.just("x" * 3000),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=30,
)


def same(text: str) -> str:
    return text


@given(st.dictionaries(st.text(), JSON_LIKE))
def test_details_are_json_of_at_most_4_kib(details: dict[str, Any]) -> None:
    short = rules.short_details(details, same)
    text = json.dumps(short, ensure_ascii=False, allow_nan=False)
    assert len(text.encode()) <= rules.MAX_DETAILS
    assert "\x00" not in text
    assert "\\u0000" not in text
    text.encode()


def test_details_that_fit_stay_as_they_are() -> None:
    details = {"scope": "system", "count": 3, "share": 0.5, "on": True, "none": None, "list": [1, {"a": "b"}]}
    assert rules.short_details(details, same) == details


def test_long_values_are_cut_and_short_ones_stay() -> None:
    short = rules.short_details({"error": "x" * 10_000, "scope": "system"}, same)
    assert short == {"error": "x" * 997 + "...", "scope": "system"}
    many = rules.short_details({str(number): "é" * 500 for number in range(50)}, same)
    assert len(many) == 50
    assert all(len(value) <= 30 for value in many.values())


def test_too_much_of_everything_is_left_out() -> None:
    nested = {str(a): {str(b): "x" * 100 for b in range(50)} for a in range(50)}
    assert rules.short_details(nested, same) == {"truncated": True}


def test_what_is_no_json_becomes_text() -> None:
    short = rules.short_details({"set": {1}, "huge": 10**30, "nan": float("nan"), "bytes": b"x"}, same)
    assert short == {"set": "{1}", "huge": "1" + "0" * 30, "nan": "nan", "bytes": "b'x'"}


def test_a_message_is_one_masked_line_of_300_characters() -> None:
    mask = Mask(["hunter2"])
    assert rules.short_message("the\npassword  is\x00 hunter2", mask) == "the password is …"
    assert len(rules.short_message("y" * 1000, mask)) == 300
    assert rules.short_details({"a": ["hunter2"]}, mask) == {"a": ["…"]}


@given(st.text(max_size=50))
def test_an_unknown_type_becomes_a_change_of_settings(event_type: str) -> None:
    found, details = rules.known_type(event_type, {"a": 1})
    if found == event_type:
        assert details == {"a": 1}
    else:
        assert (found, details) == ("SETTINGS_CHANGED", {"original_event_type": event_type, "a": 1})
