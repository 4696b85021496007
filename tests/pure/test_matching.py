"""Members' patterns run on RE2, or are refused with a reason."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.matching import PatternRefused, RefusalKind, compile_pattern, without_surrogates


@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        ("(unclosed", RefusalKind.INVALID),
        ("[z-a]", RefusalKind.INVALID),
        ("(?=ahead)x", RefusalKind.UNSUPPORTED),
        (r"(a)\1", RefusalKind.UNSUPPORTED),
        ("a*+b", RefusalKind.UNSUPPORTED),
        ("(?>ab)", RefusalKind.UNSUPPORTED),
        ("a{1001}", RefusalKind.UNSUPPORTED),
        (r"a{1000}\p{L}{1000}", RefusalKind.TOO_LARGE),
        ("a" * 201, RefusalKind.TOO_LARGE),
        ("x*", RefusalKind.MATCHES_EVERYTHING),
        ("", RefusalKind.MATCHES_EVERYTHING),
    ],
)
def test_a_pattern_that_cannot_serve_is_refused_with_its_reason(pattern: str, kind: RefusalKind) -> None:
    with pytest.raises(PatternRefused) as raised:
        compile_pattern(pattern, case_sensitive=False)
    assert raised.value.kind is kind
    assert str(raised.value) == kind.value


def test_case_counts_only_where_it_is_wanted() -> None:
    assert compile_pattern("hel+o", case_sensitive=False).search("say HELLLO now")
    assert not compile_pattern("hel+o", case_sensitive=True).search("say HELLLO now")


def test_a_pattern_that_would_explode_elsewhere_answers_at_once() -> None:
    assert not compile_pattern("(a+)+$", case_sensitive=True).search("a" * 4000 + "b")


@given(st.text(st.characters(codec=None)))
def test_any_text_can_be_searched_once_its_surrogates_are_replaced(text: str) -> None:
    compile_pattern("needle", case_sensitive=False).search(without_surrogates(text))


@given(st.text(st.characters(codec=None), max_size=30))
def test_any_pattern_compiles_or_is_refused(pattern: str) -> None:
    with contextlib.suppress(PatternRefused):
        assert compile_pattern(pattern, case_sensitive=False).search("") is None
