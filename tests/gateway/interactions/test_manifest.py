"""Commands as Discord registers them, and every limit on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.gateway.commands import (
    Access,
    Choice,
    Command,
    Group,
    ManifestError,
    Option,
    OptionKind,
    fingerprint,
    manifest,
    paths,
)
from alphapy.gateway.models.command import is_command_name
from tests.gateway.interactions.house import house

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.gateway.invocation import Invocation


async def run(_invocation: Invocation) -> None: ...


async def suggest(_invocation: Invocation, _typed: str) -> Sequence[Choice]:
    return ()


def made(name: str = "do", **more: Any) -> Command:
    return Command(name=name, description=more.pop("description", "Does it."), handler=run, **more)


def option(**more: Any) -> Option:
    return attrs.evolve(Option(kind=OptionKind.STRING, name="text", description="A text."), **more)


def test_a_manifest_says_everything_that_was_declared() -> None:
    commands: list[Command | Group] = [
        made(
            "zeta",
            options=(
                option(required=True, autocomplete=suggest, min_length=1, max_length=50),
                option(
                    name="days",
                    kind=OptionKind.INTEGER,
                    minimum=1,
                    maximum=365,
                    choices=(Choice(name="A", value=7),),
                ),
                option(name="where", kind=OptionKind.CHANNEL, channel_types=(0, 5)),
            ),
        ),
        Group(
            name="config",
            description="Settings.",
            children=(
                made("scopes"),
                Group(name="agents", description="Agents.", children=(made("show"),)),
            ),
            access=Access.ADMIN,
            guild_only=True,
            default_member_permissions=8,
        ),
    ]
    agents = {"type": 1, "name": "show", "description": "Does it.", "options": []}
    assert manifest(commands) == [
        {
            "type": 1,
            "name": "config",
            "description": "Settings.",
            "options": [
                {"type": 1, "name": "scopes", "description": "Does it.", "options": []},
                {"type": 2, "name": "agents", "description": "Agents.", "options": [agents]},
            ],
            "default_member_permissions": 8,
            "integration_types": [0],
            "contexts": [0],
        },
        {
            "type": 1,
            "name": "zeta",
            "description": "Does it.",
            "options": [
                {
                    "type": 3,
                    "name": "text",
                    "description": "A text.",
                    "required": True,
                    "min_length": 1,
                    "max_length": 50,
                    "autocomplete": True,
                },
                {
                    "type": 4,
                    "name": "days",
                    "description": "A text.",
                    "choices": [{"name": "A", "value": 7}],
                    "min_value": 1,
                    "max_value": 365,
                },
                {"type": 7, "name": "where", "description": "A text.", "channel_types": [0, 5]},
            ],
            "default_member_permissions": None,
            "integration_types": [0],
            "contexts": [0, 1],
        },
    ]


def test_the_fingerprint_is_of_the_meaning_and_not_of_the_order_of_declaration() -> None:
    one, two = made("one"), made("two", description="Zwei – ⚙️.")
    assert fingerprint(manifest([one, two])) == fingerprint(manifest([two, one]))
    assert len(fingerprint(manifest([one]))) == 64
    changed = [
        made("one", description="Another."),
        made("one", guild_only=True),
        made("one", default_member_permissions=8),
        made("one", options=(option(),)),
    ]
    prints = [fingerprint(manifest([command])) for command in (one, *changed)]
    assert len(set(prints)) == len(prints)
    reordered = [dict(reversed(entry.items())) for entry in manifest([one])]
    assert fingerprint(reordered) == prints[0]


def test_paths_carry_what_the_groups_above_say() -> None:
    commands: list[Command | Group] = [
        made("all"),
        made("stats", access=Access.OWNER),
        made("hidden", admin_listed=True),
        made("bits", default_member_permissions=8),
        made("moderators", default_member_permissions=1 << 13),
        Group(
            name="config",
            description="Settings.",
            access=Access.ADMIN,
            guild_only=True,
            gated_by="faq",
            children=(
                made("start", access=Access.OWNER),
                Group(name="agents", description="Agents.", children=(made("show", gated_by="agents"),)),
            ),
        ),
    ]
    found = {entry.path: entry for entry in paths(commands)}
    assert list(found) == [
        "all",
        "stats",
        "hidden",
        "bits",
        "moderators",
        "config start",
        "config agents show",
    ]
    assert {path for path, entry in found.items() if entry.admin} == set(found) - {"all", "moderators"}
    start, show = found["config start"], found["config agents show"]
    assert (start.access, start.guild_only, start.gated_by) == (Access.OWNER, True, "faq")
    assert (show.access, show.guild_only, show.gated_by) == (Access.ADMIN, True, "agents")
    assert show.description == "Does it."


def many(count: int, **more: Any) -> tuple[Option, ...]:
    return tuple(option(name=f"o{number}", **more) for number in range(count))


def choices(count: int, **more: Any) -> tuple[Choice, ...]:
    return tuple(Choice(name=f"c{number}", value=more.get("value", f"v{number}")) for number in range(count))


def group(*children: Command | Group, **more: Any) -> Group:
    return Group(name=more.pop("name", "g"), description="Group.", children=children, **more)


@pytest.mark.parametrize(
    ("command", "culprit", "rule"),
    [
        (made("Do"), "Do", "a name has"),
        (made("d o"), "d o", "a name has"),
        (made(""), "", "a name has"),
        (made("x" * 33), "x" * 33, "a name has"),
        (made(description=""), "do", "a description has 1 to 100"),
        (made(description="x" * 101), "do", "a description has 1 to 100"),
        (made(options=many(26)), "do", "at most 25 options"),
        (group(*(made(f"c{n}") for n in range(26))), "g", "at most 25 options or subcommands"),
        (made(options=(option(), option())), "do text", "two options of that name"),
        (group(made("a"), made("a")), "g a", "two options of that name"),
        (group(), "g", "at least one subcommand"),
        (group(group(name="h")), "g h", "at least one subcommand"),
        (group(group(group(made("a")), name="h")), "g h g", "nest one level deep"),
        (group(made("a", default_member_permissions=8)), "g a", "only a top-level command"),
        (made(options=(option(), option(name="b", required=True))), "do", "required options come before"),
        (made(options=(option(name="Text"),)), "do Text", "a name has"),
        (made(options=(option(description="x" * 101),)), "do text", "a description has"),
        (made(options=(option(choices=choices(26)),)), "do text", "at most 25 choices"),
        (made(options=(option(choices=(*choices(1), *choices(1))),)), "do text c0", "two choices"),
        (made(options=(option(choices=(Choice(name="", value="a"),)),)), "do text", "1 to 100 characters"),
        (made(options=(option(choices=choices(1, value=1)),)), "do text", "not of the option's type"),
        (made(options=(option(choices=choices(1, value="x" * 101)),)), "do text", "not of the option's type"),
        (
            made(options=(option(kind=OptionKind.INTEGER, choices=choices(1, value=True)),)),
            "do text",
            "not of the option's type",
        ),
        (
            made(options=(option(kind=OptionKind.INTEGER, choices=choices(1, value=None)),)),
            "do text",
            "not of the option's type",
        ),
        (made(options=(option(choices=choices(1), autocomplete=suggest),)), "do text", "either choices or"),
        (made(options=(option(kind=OptionKind.ROLE, autocomplete=suggest),)), "do text", "only strings, int"),
        (made(options=(option(minimum=1),)), "do text", "only integers and numbers"),
        (made(options=(option(kind=OptionKind.INTEGER, min_length=1),)), "do text", "only strings have a le"),
        (
            made(options=(option(kind=OptionKind.INTEGER, minimum=2, maximum=1),)),
            "do text",
            "at most the max",
        ),
        (made(options=(option(kind=OptionKind.NUMBER, maximum=2.0**54),)), "do text", "within 2^53"),
        (made(options=(option(min_length=5, max_length=4),)), "do text", "lengths lie"),
        (made(options=(option(max_length=6001),)), "do text", "lengths lie"),
        (made(options=(option(max_length=0),)), "do text", "lengths lie"),
        (made(options=(option(channel_types=(0,)),)), "do text", "only channel options"),
    ],
)
def test_what_discord_would_refuse_is_refused_with_the_command_and_the_rule(
    command: Command | Group, culprit: str, rule: str
) -> None:
    with pytest.raises(ManifestError) as caught:
        manifest([made("fine"), command])
    assert caught.value.command == culprit
    assert rule in caught.value.rule
    assert str(caught.value) == f"/{culprit}: {caught.value.rule}"


def test_the_limits_themselves_are_allowed() -> None:
    manifest(
        [
            made(
                "x" * 32,
                description="x" * 100,
                options=many(25, description="x" * 100, max_length=6000, min_length=0),
            ),
            made(
                options=(
                    option(
                        kind=OptionKind.NUMBER,
                        choices=choices(25, value=0.5)[:1],
                        minimum=0,
                        maximum=2.0**53 - 1,
                    ),
                )
            ),
            group(*(made(f"c{number}") for number in range(25))),
        ]
    )


def test_a_hundred_commands_are_enough() -> None:
    commands = [made(f"c{number}") for number in range(100)]
    assert len(manifest(commands)) == 100
    with pytest.raises(ManifestError, match="at most 100 commands"):
        manifest([*commands, made("more")])
    with pytest.raises(ManifestError, match="/c1: two commands of that name"):
        manifest([made("c1"), made("c1")])


def test_a_command_has_at_most_8000_characters() -> None:
    def sized(last: int) -> Command:
        """16 options of 500 characters each, less the command's own 10, and the last one's choice."""
        values = (Choice(name="n" * 100, value="v" * 100), Choice(name="m" * 99, value="w" * 100))
        full = tuple(option(name=f"o{n:02}", description="x" * 98, choices=values) for n in range(15))
        rest = option(
            name="last", description="x" * 86, choices=(*values, Choice(name="z", value="v" * last))
        )
        return made(options=(*full, rest))

    assert len(manifest([sized(0)])) == 1
    with pytest.raises(
        ManifestError, match=r"/do: names, descriptions and choice values have 8001 characters"
    ):
        manifest([sized(1)])


@pytest.mark.parametrize("name", ["do", "add_reminder", "größe", "日本語", "it's", "-", "हिन्दी", "ไทย", "x2"])
def test_names_of_many_scripts(name: str) -> None:
    assert is_command_name(name)


@pytest.mark.parametrize("name", ["", "Do", "do it", "do!", "d/o", "do\n", "ÄRGER", "😀", "a.b"])
def test_what_is_no_name(name: str) -> None:
    assert not is_command_name(name)


@given(st.text(alphabet="abc_-0'é", min_size=1, max_size=32))
def test_any_combination_of_letters_digits_and_marks_is_a_name(name: str) -> None:
    assert is_command_name(name)


async def test_a_command_that_is_declared_twice_is_found_at_the_start() -> None:
    with pytest.raises(ValueError, match="the command /g a is declared twice"):
        async with house(commands=[group(made("a")), group(made("a"))]):
            pass
