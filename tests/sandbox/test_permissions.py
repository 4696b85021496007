"""Permission arithmetic and mention parsing: pure decisions, also as properties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.sandbox.errors import Problems, Refused
from alphapy.sandbox.world import components, mentions, permissions
from alphapy.sandbox.world.guilds import Guild
from alphapy.sandbox.world.ids import Snowflakes, created_at
from alphapy.sandbox.world.permissions import Right
from alphapy.sandbox.world.records import guild_record, new_member, new_role, text_channel

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OWNER, MEMBER, GUILD, ROLE, CHANNEL = 1, 2, 10, 11, 12
RIGHTS = st.integers(0, permissions.ALL)


def _guild(everyone: int = permissions.EVERYONE, role: int = 0) -> Guild:
    guild = Guild(GUILD, guild_record(GUILD, "g", OWNER))
    guild.roles = {GUILD: new_role(GUILD, "@everyone", everyone, 0), ROLE: new_role(ROLE, "r", role, 1)}
    guild.members = {OWNER: new_member("x"), MEMBER: {**new_member("x"), "roles": [str(ROLE)]}}
    guild.channels = {CHANNEL: text_channel(CHANNEL, GUILD, "c", 0)}
    return guild


def _in_channel(guild: Guild, *overwrites: tuple[int, int, int], user: int = MEMBER) -> int:
    channel = guild.channels[CHANNEL]
    channel["permission_overwrites"] = [
        {"id": str(target), "type": 0, "allow": str(allow), "deny": str(deny)}
        for target, allow, deny in overwrites
    ]
    return permissions.in_channel(guild, channel, user, NOW)


def test_the_owner_and_administrators_may_do_everything_and_strangers_nothing() -> None:
    guild = _guild(role=Right.ADMINISTRATOR)
    hidden = (GUILD, 0, int(Right.VIEW_CHANNEL))
    assert _in_channel(guild, hidden, user=OWNER) == permissions.ALL
    assert _in_channel(guild, hidden) == permissions.ALL
    assert _in_channel(guild, user=99) == 0


def test_overwrites_apply_in_their_order() -> None:
    guild = _guild()
    send = int(Right.SEND_MESSAGES)
    assert not _in_channel(guild, (GUILD, 0, send)) & send
    assert _in_channel(guild, (ROLE, send, 0), (GUILD, 0, send)) & send
    assert not _in_channel(guild, (MEMBER, 0, send), (ROLE, send, 0)) & send
    assert _in_channel(guild, (MEMBER, send, 0), (ROLE, 0, send)) & send


def test_what_implies_what() -> None:
    guild = _guild(everyone=permissions.EVERYONE | Right.MENTION_EVERYONE)
    assert _in_channel(guild, (GUILD, 0, int(Right.VIEW_CHANNEL))) == 0
    muted = _in_channel(guild, (GUILD, 0, int(Right.SEND_MESSAGES)))
    assert not muted & (Right.EMBED_LINKS | Right.ATTACH_FILES | Right.MENTION_EVERYONE)
    assert muted & Right.ADD_REACTIONS


def test_a_timeout_leaves_reading_only_and_ends_by_itself() -> None:
    guild = _guild()
    guild.members[MEMBER]["communication_disabled_until"] = (NOW + timedelta(seconds=1)).isoformat()
    assert _in_channel(guild) == permissions.TIMED_OUT
    guild.members[MEMBER]["communication_disabled_until"] = NOW.isoformat()
    assert _in_channel(guild) & Right.SEND_MESSAGES


def test_a_thread_takes_its_parents_overwrites() -> None:
    guild = _guild()
    _in_channel(guild, (GUILD, 0, int(Right.SEND_MESSAGES_IN_THREADS)))
    thread = {"id": "13", "type": 11, "parent_id": str(CHANNEL)}
    rights = permissions.in_channel(guild, thread, MEMBER, NOW)
    assert rights & Right.SEND_MESSAGES
    assert not rights & (Right.SEND_MESSAGES_IN_THREADS | Right.ATTACH_FILES)


@given(
    RIGHTS, RIGHTS, st.lists(st.tuples(st.sampled_from([GUILD, ROLE, MEMBER]), RIGHTS, RIGHTS), max_size=3)
)
def test_nothing_comes_from_nowhere(everyone: int, role: int, overwrites: list[tuple[int, int, int]]) -> None:
    guild = _guild(everyone, role)
    granted = _in_channel(guild, *overwrites)
    sources = everyone | role
    for _, allow, _ in overwrites:
        sources |= allow
    if (everyone | role) & Right.ADMINISTRATOR:
        assert granted == permissions.ALL
    else:
        assert granted & ~sources == 0
        assert granted == 0 or granted & Right.VIEW_CHANNEL


@given(st.lists(st.integers(-5, 5), max_size=50))
def test_snowflakes_increase_whatever_the_clock_does(steps: list[int]) -> None:
    times = [NOW]
    ids = Snowflakes(lambda: times[0])
    made = [ids.next()]
    for step in steps:
        times[0] += timedelta(seconds=step)
        made.append(ids.next())
    assert made == sorted(set(made))
    assert created_at(made[0]) == NOW


USERS, ROLES = {1, 2}, {7}


def _parse(
    content: str, allowed: object = None, *, everyone: bool = False, replied: int | None = None
) -> object:
    return mentions.parse(
        content,
        allowed,  # type: ignore[arg-type]
        users=USERS,
        roles=ROLES,
        may_everyone=everyone,
        replied_to=replied,
    )


def test_who_is_mentioned() -> None:
    text = "<@1> <@!2> <@3> <@&7> <@&8> @here"
    assert _parse(text) == mentions.Mentions((1, 2), (7,), everyone=False)
    assert _parse(text, everyone=True) == mentions.Mentions((1, 2), (7,), everyone=True)
    assert _parse("```<@1>``` `<@2>` ``<@&7>``") == mentions.Mentions()
    assert _parse(text, {"parse": ["everyone"]}, everyone=True) == mentions.Mentions((), (), everyone=True)
    assert _parse(text, {"parse": []}, everyone=True) == mentions.Mentions()
    assert _parse(text, {"users": ["2"], "parse": ["roles"]}) == mentions.Mentions((2,), (7,))
    assert _parse(text, {"roles": ["8"], "parse": []}) == mentions.Mentions()


def test_the_author_that_is_answered() -> None:
    assert _parse("hi", replied=1) == mentions.Mentions((1,))
    assert _parse("hi <@1>", replied=1) == mentions.Mentions((1,))
    assert _parse("hi", {"parse": []}, replied=1) == mentions.Mentions()
    assert _parse("hi", {"replied_user": True}, replied=1) == mentions.Mentions((1,))


@given(st.text(max_size=50), st.sampled_from([None, {"parse": []}, {"users": ["1"]}]))
def test_nobody_is_mentioned_whom_the_text_does_not_name(text: str, allowed: object) -> None:
    found = _parse(text, allowed, everyone=True)
    assert isinstance(found, mentions.Mentions)
    assert all(f"{user}>" in text for user in found.users)
    assert not found.everyone or "@everyone" in text or "@here" in text


@pytest.mark.parametrize(
    "allowed", ["x", {"parse": ["all"]}, {"users": ["1"] * 101}, {"parse": ["roles"], "roles": ["1"]}]
)
def test_allowed_mentions_that_are_none(allowed: object) -> None:
    problems = Problems()
    mentions.check(problems, allowed)
    with pytest.raises(Refused):
        problems.raise_if_any()


def _row(*parts: object) -> dict[str, object]:
    return {"type": 1, "components": list(parts)}


def _button(**fields: object) -> dict[str, object]:
    return {"type": 2, "style": 1, "label": "x", "custom_id": "x", **fields}


OPTIONS = [{"label": "a", "value": "a"}]


@pytest.mark.parametrize(
    "rows",
    [
        [_row(_button(custom_id=f"{r}")) for r in range(6)],
        [_row(*[_button(custom_id=f"{n}") for n in range(6)])],
        [_row()],
        [_button()],
        ["x"],
        [_row(_button(), _button())],
        [_row(_button(style=9))],
        [_row(_button(style=5, url="https://example.org"))],
        [_row({"type": 2, "style": 5, "label": "x"})],
        [_row(_button(label=None))],
        [_row(_button(custom_id="x" * 101))],
        [_row({"type": 99})],
        [_row({"type": 4, "custom_id": "x", "style": 1, "label": "x"})],
        [_row({"type": 3, "custom_id": "s", "options": OPTIONS}, _button())],
        [_row({"type": 3, "options": OPTIONS})],
        [_row({"type": 3, "custom_id": "s", "options": []})],
        [_row({"type": 3, "custom_id": "s", "options": OPTIONS * 2})],
        [_row({"type": 3, "custom_id": "s", "options": OPTIONS, "max_values": 2})],
        [_row({"type": 3, "custom_id": "s", "options": OPTIONS, "min_values": 2})],
        [_row({"type": 3, "custom_id": "s", "options": [{"label": "a"}]})],
    ],
)
def test_components_that_discord_refuses(rows: list[object]) -> None:
    problems = Problems()
    components.check_message(problems, rows, v2=False)
    with pytest.raises(Refused):
        problems.raise_if_any()


def test_components_v2_may_nest_and_need_no_rows() -> None:
    problems = Problems()
    section = {"type": 9, "components": [{"type": 10, "content": "t"}], "accessory": _button()}
    rows = [{"type": 17, "components": [section, {"type": 14}, _row(_button(custom_id="y"))]}]
    components.check_message(problems, rows, v2=True)
    problems.raise_if_any()
    found = components.find(rows, "x")
    assert found is not None
    assert found["type"] == 2
    components.check_message(problems, [{"type": 10, "content": "t"}] * 41, v2=True)
    with pytest.raises(Refused):
        problems.raise_if_any()


def _modal(*rows: object, **fields: object) -> dict[str, object]:
    return {"custom_id": "m", "title": "M", "components": list(rows), **fields}


def _input(**fields: object) -> dict[str, object]:
    return {"type": 4, "custom_id": "i", "style": 1, "label": "L", **fields}


@pytest.mark.parametrize(
    "modal",
    [
        {},
        _modal(),
        _modal(_row(_input()), title=""),
        _modal(*[_row(_input(custom_id=f"{n}")) for n in range(6)]),
        _modal(_row(_button())),
        _modal(_row(_input(), _input(custom_id="j"))),
        _modal(_input()),
        _modal("x"),
        _modal(_row(_input(label=None))),
        _modal(_row(_input(label="x" * 46))),
        _modal(_row(_input(style=3))),
        _modal(_row(_input(custom_id=""))),
        _modal(_row(_input(max_length=4001))),
        _modal(_row(_input(max_length=3, value="four"))),
        _modal({"type": 18, "label": ""}),
    ],
)
def test_modals_that_discord_refuses(modal: dict[str, object]) -> None:
    with pytest.raises(Refused):
        components.check_modal(modal)
