"""Permission arithmetic as Discord documents it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alphapy.gateway.models.guild import (
    ALL_PERMISSIONS,
    NO_PERMISSIONS,
    TIMED_OUT,
    Overwrite,
    Permissions,
    Role,
    channel_permissions,
    guild_permissions,
)
from alphapy.pure.ids import GuildId, RoleId, UserId

GUILD, OWNER, ANN, MODS, CREW = GuildId(5), UserId(1), UserId(2), RoleId(7), RoleId(8)
P = Permissions
BITS = st.integers(0, 2**53 - 1).map(lambda bits: bits & ALL_PERMISSIONS)


def roles(everyone: int = 0, mods: int = 0, crew: int = 0) -> dict[RoleId, Role]:
    ids = {RoleId(5): everyone, MODS: mods, CREW: crew}
    return {role_id: Role(id=role_id, permission_bits=bits) for role_id, bits in ids.items()}


def in_guild(
    held: list[RoleId], known: dict[RoleId, Role], *, user: UserId = ANN, timed_out: bool = False
) -> P:
    return guild_permissions(
        guild_id=GUILD, owner_id=OWNER, user_id=user, member_roles=held, roles=known, timed_out=timed_out
    )


def in_channel(base: P, held: list[RoleId], *overwrites: Overwrite, timed_out: bool = False) -> P:
    return channel_permissions(
        base, guild_id=GUILD, user_id=ANN, member_roles=held, overwrites=overwrites, timed_out=timed_out
    )


def test_everyone_and_roles_add_up() -> None:
    known = roles(everyone=P.VIEW_CHANNEL, mods=P.KICK_MEMBERS, crew=P.BAN_MEMBERS)
    assert in_guild([MODS], known) == P.VIEW_CHANNEL | P.KICK_MEMBERS
    assert in_guild([RoleId(99)], known) == P.VIEW_CHANNEL
    assert in_guild([], {}) == NO_PERMISSIONS


def test_owner_and_administrators_may_do_everything_even_in_a_timeout() -> None:
    assert in_guild([], roles(), user=OWNER, timed_out=True) == ALL_PERMISSIONS
    assert in_guild([MODS], roles(mods=P.ADMINISTRATOR), timed_out=True) == ALL_PERMISSIONS
    denied = Overwrite(id=5, type=0, deny=int(ALL_PERMISSIONS))
    assert in_channel(ALL_PERMISSIONS, [], denied, timed_out=True) == ALL_PERMISSIONS


def test_a_timeout_leaves_seeing_and_reading() -> None:
    known = roles(everyone=P.VIEW_CHANNEL | P.READ_MESSAGE_HISTORY | P.SEND_MESSAGES)
    assert in_guild([], known, timed_out=True) == TIMED_OUT
    assert in_channel(in_guild([], known), [], timed_out=True) == TIMED_OUT


def test_overwrites_apply_in_order_everyone_roles_member() -> None:
    base = P.VIEW_CHANNEL | P.SEND_MESSAGES
    no_everyone = Overwrite(id=5, type=0, deny=P.SEND_MESSAGES)
    yes_mods = Overwrite(id=7, type=0, allow=P.SEND_MESSAGES)
    no_crew = Overwrite(id=8, type=0, deny=P.SEND_MESSAGES)
    no_ann = Overwrite(id=2, type=1, deny=P.SEND_MESSAGES)
    assert in_channel(base, [], no_everyone) == P.VIEW_CHANNEL
    assert in_channel(base, [MODS], yes_mods, no_everyone) == base
    assert in_channel(base, [MODS, CREW], no_crew, yes_mods, no_everyone) == base  # allow wins among roles
    assert in_channel(base, [MODS], no_ann, yes_mods) == P.VIEW_CHANNEL
    assert in_channel(base, [], Overwrite(id=9, type=1, deny=P.SEND_MESSAGES)) == base  # somebody else's


def test_who_cannot_see_a_channel_can_do_nothing_in_it() -> None:
    base = P.VIEW_CHANNEL | P.SEND_MESSAGES | P.MANAGE_MESSAGES
    assert in_channel(base, [], Overwrite(id=5, type=0, deny=P.VIEW_CHANNEL)) == NO_PERMISSIONS


@given(base=BITS, allow=BITS, deny=BITS)
def test_a_members_own_overwrite_has_the_last_word(base: int, allow: int, deny: int) -> None:
    base &= ~P.ADMINISTRATOR
    found = in_channel(
        P(base),
        [MODS],
        Overwrite(id=2, type=1, allow=allow, deny=deny),
        Overwrite(id=7, type=0, deny=allow, allow=deny),
        Overwrite(id=5, type=0, deny=allow, allow=deny),
    )
    if found == NO_PERMISSIONS:
        assert not allow & P.VIEW_CHANNEL
    else:
        assert found & allow == allow
        assert not found & deny & ~allow


@given(everyone=BITS, mods=BITS, crew=BITS, held=st.lists(st.sampled_from([MODS, CREW]), unique=True))
def test_more_roles_never_mean_less(everyone: int, mods: int, crew: int, held: list[RoleId]) -> None:
    known = roles(everyone, mods, crew)
    fewer, more = in_guild(held[:-1], known), in_guild(held, known)
    assert fewer & more == fewer


def test_bits_that_have_no_name_are_kept() -> None:
    assert int(P(1 << 60) | P.SEND_MESSAGES) == (1 << 60) | (1 << 11)
