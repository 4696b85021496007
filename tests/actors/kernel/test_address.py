"""Addresses and their patterns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.actors.kernel.address import Address, InvalidAddress, check_pattern
from alphapy.pure.ids import MAX_SNOWFLAKE, GuildId

NAMES = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,20}", fullmatch=True)


@given(st.integers(0, MAX_SNOWFLAKE), NAMES)
def test_a_guild_address_tells_its_parts(guild_id: int, feature: str) -> None:
    address = Address.guild(GuildId(guild_id), feature)
    assert str(address) == f"guild/{guild_id}/{feature}"
    assert (address.guild_id, address.name, address.pattern) == (guild_id, feature, f"guild/*/{feature}")
    assert Address(address.path) == address
    assert check_pattern(address.pattern) == address.pattern


@given(NAMES)
def test_a_process_address_is_its_own_pattern(name: str) -> None:
    address = Address.process(name)
    assert (address.guild_id, address.name, address.pattern) == (None, name, f"process/{name}")
    assert check_pattern(address.pattern) == address.path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "guild",
        "guild/1",
        "guild//probe",
        "guild/-1/probe",
        "guild/01/probe",
        "guild/1/probe/more",
        "guild/*/probe",
        "guild/1/Probe",
        "guild/9223372036854775808/probe",
        "guild/١/probe",
        "process/",
        "process/a b",
        "process/a\n",
        f"process/{'x' * 65}",
        "planet/earth",
    ],
)
def test_what_is_no_address(path: str) -> None:
    with pytest.raises(InvalidAddress, match="not an actor address") as caught:
        Address(path)
    assert caught.value.text == path


@pytest.mark.parametrize("pattern", ["guild/1/probe", "guild/*", "process/*", "*", "process/a/b"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(InvalidAddress):
        check_pattern(pattern)


def test_addresses_are_values_in_order() -> None:
    a, b = Address.process("a"), Address.process("b")
    assert {a, Address.process("a")} == {a}
    assert sorted([b, a]) == [a, b]
