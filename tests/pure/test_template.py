"""Templates are filled in one pass; what is inserted is never scanned again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.template import PLACEHOLDERS, Template

VALUES = {"user": "<@1>", "user.name": "Ada", "server": "Lighthouse", "channel": "<#2>", "uses": "3"}


def render(text: str, pick: int = 0, values: dict[str, str] | None = None) -> str:
    return Template.parse(text).render(values or VALUES, lambda numbers: numbers[pick])


def test_every_placeholder_is_filled_in() -> None:
    text = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    assert render(text) == "<@1> Ada Lighthouse <#2> 3"


def test_one_trimmed_option_is_chosen_and_may_hold_placeholders() -> None:
    text = "{random: hello {user} | bye {user.name}|}"
    assert render(text, 0) == "hello <@1>"
    assert render(text, 1) == "bye Ada"


def test_unknown_braces_and_an_empty_random_stay_as_written() -> None:
    text = "{unknown} {random:} {random:open {user"
    assert render(text) == text


def test_only_empty_options_give_an_empty_text() -> None:
    assert render("a{random: | | }b") == "ab"


def test_moderation_30_inserted_values_are_not_scanned_again() -> None:
    values = {**VALUES, "user.name": "@everyone {server} {random:x|y}"}
    assert render("Hi {user.name}!", values=values) == "Hi @everyone {server} {random:x|y}!"


def test_parsing_is_linear_in_hostile_input() -> None:
    hostile = "{random:" * 200 + "{user}" * 50
    assert render(hostile).startswith("{random:{random:")


@given(st.text(alphabet=st.characters(exclude_characters="{}")))
def test_text_without_braces_comes_out_as_it_went_in(text: str) -> None:
    assert render(text) == text


@given(st.text(), st.dictionaries(st.sampled_from(PLACEHOLDERS), st.text()))
def test_every_text_is_a_template(text: str, values: dict[str, str]) -> None:
    Template.parse(text).render(values, lambda numbers: numbers[-1])


@given(st.lists(st.text(alphabet="abc {}|", max_size=5)))
def test_without_values_everything_but_random_stays(parts: list[str]) -> None:
    text = "".join(parts)
    assert Template.parse(text).render({}, lambda numbers: numbers[0]) == text
