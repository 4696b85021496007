"""Options with their types, whatever a client sends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.gateway.commands import Choice, Option, OptionKind
from alphapy.gateway.models.interaction import Resolved, SuppliedOption
from alphapy.gateway.options import Options, read, read_partial
from alphapy.gateway.refusals import BadOption
from tests.support.interactions import command

if TYPE_CHECKING:
    from alphapy.gateway.models.interaction import Interaction

RESOLVED = {
    "users": {"1": {"id": "1", "username": "ann"}, "2": {"id": "2", "username": "bob"}},
    "members": {"1": {"nick": "Annie", "roles": ["3"], "permissions": "8"}},
    "roles": {"3": {"id": "3", "name": "mods", "permissions": "0"}},
    "channels": {"4": {"id": "4", "type": 0, "name": "general", "permissions": "1024"}},
    "attachments": {"5": {"id": "5", "filename": "a.png", "size": 3, "url": "https://x.invalid/a.png"}},
}


def option(kind: OptionKind, **more: Any) -> Option:
    return attrs.evolve(Option(kind=kind, name="x", description="X."), **more)


def resolved() -> Resolved:
    return command("do", resolved=RESOLVED).data.resolved


def value(declared: Option, given: Any) -> Options:
    return read((declared,), (SuppliedOption(name="x", type=int(declared.kind), value=given),), resolved())


def test_each_kind_gives_its_type() -> None:
    assert value(option(OptionKind.STRING), " a\x00b ").text("x") == " ab "
    assert value(option(OptionKind.INTEGER), 5).integer("x") == 5
    assert value(option(OptionKind.BOOLEAN), False).boolean("x") is False
    number = value(option(OptionKind.NUMBER), 5).number("x")
    assert (number, type(number)) == (5.0, float)
    assert value(option(OptionKind.USER), "1").user("x").username == "ann"
    member = value(option(OptionKind.USER), "1").member("x")
    assert member is not None
    assert (member.nick, int(member.permissions)) == ("Annie", 8)
    assert value(option(OptionKind.USER), "2").member("x") is None
    channel = value(option(OptionKind.CHANNEL, channel_types=(0, 5)), "4").channel("x")
    assert (channel.name, int(channel.permissions)) == ("general", 1024)
    assert value(option(OptionKind.ROLE), "3").role("x").name == "mods"
    assert value(option(OptionKind.MENTIONABLE), "3").mentionable("x").id == 3
    assert value(option(OptionKind.MENTIONABLE), "2").mentionable("x").id == 2
    assert value(option(OptionKind.ATTACHMENT), "5").attachment("x").size == 3


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        (option(OptionKind.STRING), 5),
        (option(OptionKind.STRING), None),
        (option(OptionKind.STRING), "x" * 6001),
        (option(OptionKind.STRING, min_length=2), "a"),
        (option(OptionKind.STRING, max_length=2), "abc"),
        (option(OptionKind.STRING, choices=(Choice(name="A", value="a"),)), "b"),
        (option(OptionKind.INTEGER), "5"),
        (option(OptionKind.INTEGER), True),
        (option(OptionKind.INTEGER), 5.0),
        (option(OptionKind.INTEGER), 2**53),
        (option(OptionKind.INTEGER, minimum=1), 0),
        (option(OptionKind.INTEGER, maximum=25), 26),
        (option(OptionKind.INTEGER, choices=(Choice(name="A", value=1),)), 2),
        (option(OptionKind.NUMBER), "1"),
        (option(OptionKind.NUMBER), True),
        (option(OptionKind.NUMBER), math.nan),
        (option(OptionKind.NUMBER), math.inf),
        (option(OptionKind.NUMBER, maximum=1.5), 1.6),
        (option(OptionKind.BOOLEAN), 1),
        (option(OptionKind.BOOLEAN), "true"),
        (option(OptionKind.USER), "3"),
        (option(OptionKind.USER), "not an id"),
        (option(OptionKind.USER), {"id": 1}),
        (option(OptionKind.CHANNEL), "1"),
        (option(OptionKind.CHANNEL, channel_types=(4,)), "4"),
        (option(OptionKind.ROLE), "1"),
        (option(OptionKind.MENTIONABLE), "4"),
        (option(OptionKind.ATTACHMENT), "-5"),
    ],
)
def test_what_does_not_fit_names_the_option(declared: Option, given: Any) -> None:
    with pytest.raises(BadOption) as caught:
        value(declared, given)
    assert caught.value.option == "x"
    assert caught.value.reply.startswith("The option `x` must be ")


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


@given(st.sampled_from(OptionKind), json)
def test_anything_is_read_or_refused(kind: OptionKind, given: object) -> None:
    try:
        found = value(option(kind), given)
    except BadOption:
        return
    assert found.given("x")


def test_absent_options_take_the_default_or_are_asked_for() -> None:
    declared = (option(OptionKind.STRING), option(OptionKind.INTEGER, name="n"))
    found = read(declared, (), Resolved())
    assert found.text("x", default=None) is None
    assert found.text("x", default="d") == "d"
    assert not found.given("x")
    with pytest.raises(BadOption):
        found.integer("n")
    with pytest.raises(BadOption):
        read((option(OptionKind.STRING, required=True),), (), Resolved())
    kinds = {
        OptionKind.NUMBER: "number",
        OptionKind.BOOLEAN: "boolean",
        OptionKind.USER: "user",
        OptionKind.CHANNEL: "channel",
        OptionKind.ROLE: "role",
        OptionKind.MENTIONABLE: "mentionable",
        OptionKind.ATTACHMENT: "attachment",
    }
    for kind, accessor in kinds.items():
        assert getattr(Options((option(kind),)), accessor)("x", default=7) == 7


def test_undeclared_options_are_the_members_fault_and_undeclared_names_ours() -> None:
    given = SuppliedOption(name="`evil` @everyone", type=3, value="a")
    with pytest.raises(BadOption) as caught:
        read((option(OptionKind.STRING),), (given,), Resolved())
    assert caught.value.reply.count("`") == 2
    twice = SuppliedOption(name="x", type=3, value="a")
    with pytest.raises(BadOption):
        read((option(OptionKind.STRING),), (twice, twice), Resolved())
    found = value(option(OptionKind.STRING), "a")
    with pytest.raises(KeyError):
        found.text("y")
    with pytest.raises(TypeError, match="declared as STRING"):
        found.integer("x")


def test_while_typing_what_fits_is_kept_and_the_rest_left_out() -> None:
    declared = (
        option(OptionKind.STRING),
        option(OptionKind.INTEGER, name="n"),
        option(OptionKind.STRING, name="f"),
    )
    supplied = (
        SuppliedOption(name="x", type=3, value="a"),
        SuppliedOption(name="n", type=4, value="12"),
        SuppliedOption(name="f", type=3, value="typed", focused=True),
        SuppliedOption(name="gone", type=3, value="b"),
    )
    found = read_partial(declared, supplied, Resolved())
    assert [found.given(name) for name in ("x", "n", "f")] == [True, False, False]


def test_interactions_show_no_token_and_need_somebody() -> None:
    made: Interaction = command("do", {"x": "secret text"})
    assert "secret" not in repr(made)
    assert made.app_permissions == 8
    assert made.user_id == made.invoker.id
