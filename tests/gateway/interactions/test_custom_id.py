"""Custom ids that carry state: what is built reads back, and no id belongs to two."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from alphapy.gateway.components import ComponentRoute, IdPattern, PatternError, RouteConflict, RouteTable
from alphapy.pure.ids import MAX_SNOWFLAKE

if TYPE_CHECKING:
    from alphapy.gateway.invocation import Invocation


async def run(_invocation: Invocation) -> None: ...


PATTERNS = [
    "cc:del:<choice:y|n>:<id:int>:<uid:id>:<exp:int>",
    "cc:list:<page:int>:<uid:id>",
    "cfg_prev:<scope:str>:<page:int>",
    "onboarding_opt_<step:int>_<n:int>_<sid:hex>",
    "growth:h:page:<n:int>:<way:prev|next|back>",
    "setup_<i:int>_channel",
    "stats_refresh:<scope:str>",
    "v1:reminders:edit:<reminder:int>:<revision:int>",
    "ticket_claim_btn",
    "<word:str>/<rest:str>",
]

KINDS: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-MAX_SNOWFLAKE - 1, MAX_SNOWFLAKE),
    "id": st.integers(1, MAX_SNOWFLAKE),
    "hex": st.text("0123456789abcdef", min_size=1, max_size=16),
    "str": st.text(min_size=1, max_size=20),
}


@given(st.data(), st.sampled_from(PATTERNS))
def test_what_is_built_reads_back(data: st.DataObject, pattern: str) -> None:
    compiled = IdPattern(pattern)
    values: dict[str, int | str] = {}
    for name in sorted(compiled.names):
        kind = pattern.partition(f"<{name}:")[2].partition(">")[0]
        strategy = KINDS[kind] if kind in KINDS else st.sampled_from(kind.split("|"))
        values[name] = data.draw(strategy, label=name)
    try:
        custom_id = compiled.build(**values)
    except PatternError:
        assert any(isinstance(value, str) and set(value) & set(":/_") for value in values.values())
        return
    assert 1 <= len(custom_id) <= 100
    assert compiled.parse(custom_id) == values


@given(st.text(max_size=110), st.sampled_from(PATTERNS))
def test_any_id_that_is_understood_is_the_one_that_would_be_built(text: str, pattern: str) -> None:
    compiled = IdPattern(pattern)
    values = compiled.parse(text)
    if values is not None and len(text) <= 100:
        assert compiled.build(**values) == text


@pytest.mark.parametrize(
    "custom_id",
    [
        "cc:del:y:1:2",
        "cc:del:y:1:2:3:4",
        "cc:del:maybe:1:2:3",
        "cc:del:y:01:2:3",
        "cc:del:y:-0:2:3",
        "cc:del:y:1:0:3",
        "cc:del:y:1:-2:3",
        "cc:del:y:9223372036854775808:2:3",
        "cc:del:y:1:9223372036854775808:3",
        "cc:del:y:１:2:3",
        "cc:del:y::2:3",
        " cc:del:y:1:2:3",
        "cc:del:y:1:2:3\n",
        "",
    ],
)
def test_malformed_ids_are_not_understood(custom_id: str) -> None:
    assert IdPattern(PATTERNS[0]).parse(custom_id) is None


@pytest.mark.parametrize(
    ("pattern", "rule"),
    [
        ("", "literal text"),
        ("<a:str>", "literal text"),
        ("x:<a:float>", "no kind 'float'"),
        ("x:<a>", "literal text"),
        ("x:<a:int><b:int>", "between two placeholders"),
        ("x:<a:int>:<a:int>", "share a name"),
        ("x:<a:int>0", "could belong to it"),
        ("x:<a:hex>f", "could belong to it"),
        ("x:<a:on|one>", "begins with another"),
        ("x:<a:on|>", "begins with another"),
    ],
)
def test_patterns_that_are_ambiguous_or_make_no_sense(pattern: str, rule: str) -> None:
    with pytest.raises(PatternError, match=rule):
        IdPattern(pattern)


def test_values_that_do_not_fit_are_programming_errors() -> None:
    pattern = IdPattern("a:<n:int>:<s:str>")
    for values in (
        {"n": 1},
        {"n": 1, "s": "x", "more": 1},
        {"n": True, "s": "x"},
        {"n": "1", "s": "x"},
        {"n": 1, "s": ""},
        {"n": 1, "s": "a:b"},
        {"n": 2**63, "s": "x"},
        {"n": 1, "s": "x" * 97},
    ):
        with pytest.raises(PatternError, match="custom_id pattern 'a:<n:int>:<s:str>'"):
            pattern.build(**values)
    assert repr(pattern) == "IdPattern('a:<n:int>:<s:str>')"


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ("a:<x:str>", "a:b", True),
        ("a:<x:str>", "a:b:c", False),
        ("a:<x:int>", "a:<y:id>", True),
        ("a:<x:int>", "a:<y:hex>", True),
        ("a:<x:int>", "a:<y:str>", True),
        ("a:<x:int>", "a:b", False),
        ("a:<x:int>", "a:-5", True),
        ("a:<x:id>", "a:-5", False),
        ("a:<x:y|n>:1", "a:<x:str>:<z:int>", True),
        ("a:<x:y|n>", "a:<x:yes|no>", False),
        ("idle_close", "idle_close:<g:id>:<t:int>", False),
        ("setup_<i:int>_channel", "setup_<i:int>_role", False),
        ("faq_<w:str>", "faq_prev", True),
        ("<w:str>_x", "y_<w:str>", True),
        ("<w:str>_x", "y-<w:str>", True),
        ("<w:str>_x", "y_z", False),
    ],
)
def test_overlaps_are_found(first: str, second: str, both: bool) -> None:
    assert IdPattern(first).overlaps(IdPattern(second)) is both
    assert IdPattern(second).overlaps(IdPattern(first)) is both


def assembled(parts: list[str]) -> str:
    return "".join(part.replace("#", str(number)) for number, part in enumerate(parts))


PARTS = ["a", "b", ":", "_", "1", "<n#:int>", "<n#:id>", "<n#:hex>", "<n#:str>", "<n#:a|b>", "<n#:ab|b>"]
TEXTS = ["".join(text) for length in range(1, 6) for text in itertools.product("ab:1-", repeat=length)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=4),
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=4),
)
def test_whatever_two_patterns_share_is_an_overlap(one: list[str], two: list[str]) -> None:
    try:
        first, second = IdPattern(assembled(one)), IdPattern(assembled(two))
    except PatternError:
        reject()
    if any(first.parse(text) is not None and second.parse(text) is not None for text in TEXTS):
        assert first.overlaps(second)
        assert second.overlaps(first)


def test_a_table_finds_the_route_and_refuses_two_for_one_id() -> None:
    routes = [ComponentRoute(pattern=pattern, handler=run) for pattern in PATTERNS[:-1]]
    table = RouteTable(routes)
    found = table.match("cfg_prev:custom_commands:3")
    assert found is not None
    assert found[0] is routes[2]
    assert found[1] == {"scope": "custom_commands", "page": 3}
    assert table.match("cfg_prev:custom_commands:three") is None
    clash = ComponentRoute(pattern="cc:list:<page:int>:0", handler=run)
    RouteTable([*routes, clash])
    clash = ComponentRoute(pattern="cc:list:<page:int>:1", handler=run)
    with pytest.raises(RouteConflict, match="'cc:list:<page:int>:<uid:id>' and 'cc:list:<page:int>:1'"):
        RouteTable([*routes, clash])


def test_a_route_names_placeholders_that_exist() -> None:
    with pytest.raises(PatternError, match="it has no placeholder 'user'"):
        ComponentRoute(pattern="a:<uid:id>", handler=run, only_for="user")
    route = ComponentRoute(pattern=IdPattern("a:<uid:id>"), handler=run, only_for="uid")
    assert route.custom_id(uid=5) == "a:5"
