"""What a member entered after a command, checked against the declaration and given out with its type.

Discord checks most of this already. It is checked again because a client, or an old registration, may send
anything: what does not fit becomes a :class:`BadOption` that names the option, before the handler runs.
"""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from alphapy.gateway.models.command import MAX_SAFE_INTEGER, MAX_STRING_LENGTH, OptionKind
from alphapy.gateway.models.guild import Role
from alphapy.gateway.models.interaction import Resolved, ResolvedChannel, ResolvedMember
from alphapy.gateway.models.message import Attachment
from alphapy.gateway.models.user import User
from alphapy.gateway.refusals import BadOption
from alphapy.pure.ids import parse_snowflake
from alphapy.pure.text import well_formed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alphapy.gateway.commands import Option
    from alphapy.gateway.models.interaction import SuppliedOption

T = TypeVar("T")
D = TypeVar("D")


class _Absent(enum.Enum):
    ABSENT = "absent"


ABSENT: Final = _Absent.ABSENT


class Options:
    """The options of one invocation, by name.

    Each accessor gives the value, or ``default`` where the member left the option out; without a default
    that is a BadOption. A name or type that the command does not declare is a programming error: KeyError,
    TypeError.
    """

    def __init__(
        self,
        declared: Iterable[Option] = (),
        values: Mapping[str, Any] | None = None,
        resolved: Resolved | None = None,
    ) -> None:
        self._declared = {option.name: option for option in declared}
        self._values = dict(values or {})
        self._resolved = resolved or Resolved()

    def given(self, name: str) -> bool:
        """Whether the member gave this option."""
        return self._declared[name].name in self._values

    @overload
    def text(self, name: str) -> str: ...
    @overload
    def text(self, name: str, default: D) -> str | D: ...
    def text(self, name: str, default: D | _Absent = ABSENT) -> str | D:
        """A string, as entered: neither trimmed nor cut."""
        return self._value(name, default, str, OptionKind.STRING)

    @overload
    def integer(self, name: str) -> int: ...
    @overload
    def integer(self, name: str, default: D) -> int | D: ...
    def integer(self, name: str, default: D | _Absent = ABSENT) -> int | D:
        """A whole number."""
        return self._value(name, default, int, OptionKind.INTEGER)

    @overload
    def number(self, name: str) -> float: ...
    @overload
    def number(self, name: str, default: D) -> float | D: ...
    def number(self, name: str, default: D | _Absent = ABSENT) -> float | D:
        """A finite number."""
        return self._value(name, default, float, OptionKind.NUMBER)

    @overload
    def boolean(self, name: str) -> bool: ...
    @overload
    def boolean(self, name: str, default: D) -> bool | D: ...
    def boolean(self, name: str, default: D | _Absent = ABSENT) -> bool | D:
        """True or false."""
        return self._value(name, default, bool, OptionKind.BOOLEAN)

    @overload
    def user(self, name: str) -> User: ...
    @overload
    def user(self, name: str, default: D) -> User | D: ...
    def user(self, name: str, default: D | _Absent = ABSENT) -> User | D:
        """A user, who need not be in the guild."""
        return self._value(name, default, User, OptionKind.USER)

    def member(self, name: str) -> ResolvedMember | None:
        """The user of a user option as this guild's member; None for somebody who is not one."""
        return self._resolved.members.get(self.user(name).id)

    @overload
    def channel(self, name: str) -> ResolvedChannel: ...
    @overload
    def channel(self, name: str, default: D) -> ResolvedChannel | D: ...
    def channel(self, name: str, default: D | _Absent = ABSENT) -> ResolvedChannel | D:
        """A channel of this guild."""
        return self._value(name, default, ResolvedChannel, OptionKind.CHANNEL)

    @overload
    def role(self, name: str) -> Role: ...
    @overload
    def role(self, name: str, default: D) -> Role | D: ...
    def role(self, name: str, default: D | _Absent = ABSENT) -> Role | D:
        """A role of this guild."""
        return self._value(name, default, Role, OptionKind.ROLE)

    @overload
    def mentionable(self, name: str) -> User | Role: ...
    @overload
    def mentionable(self, name: str, default: D) -> User | Role | D: ...
    def mentionable(self, name: str, default: D | _Absent = ABSENT) -> User | Role | D:
        """A user or a role."""
        found: object = self._value(name, default, object, OptionKind.MENTIONABLE)
        return found  # type: ignore[return-value]  # read() stores nothing else under this kind

    @overload
    def attachment(self, name: str) -> Attachment: ...
    @overload
    def attachment(self, name: str, default: D) -> Attachment | D: ...
    def attachment(self, name: str, default: D | _Absent = ABSENT) -> Attachment | D:
        """An uploaded file: where it is found, its size and type as Discord detected them."""
        return self._value(name, default, Attachment, OptionKind.ATTACHMENT)

    def _value(self, name: str, default: D | _Absent, type_: type[T], kind: OptionKind) -> T | D:
        if self._declared[name].kind is not kind:
            raise TypeError(f"the option {name} is declared as {self._declared[name].kind.name}")
        if name in self._values:
            found = self._values[name]
            assert isinstance(found, type_)  # noqa: S101  # read() stores what the kind says
            return found
        if isinstance(default, _Absent):
            raise BadOption(name, "given")
        return default


def read(declared: Iterable[Option], supplied: Iterable[SuppliedOption], resolved: Resolved) -> Options:
    """The options of a command that was run; raises BadOption for the first that does not fit."""
    options = {option.name: option for option in declared}
    values: dict[str, Any] = {}
    for given in supplied:
        option = options.get(given.name)
        if option is None or given.name in values:
            raise BadOption(given.name, "one that this command has, given once")
        values[option.name] = _read_value(option, given.value, resolved)
    for option in options.values():
        if option.required and option.name not in values:
            raise BadOption(option.name, "given")
    return Options(options.values(), values, resolved)


def read_partial(
    declared: Iterable[Option], supplied: Iterable[SuppliedOption], resolved: Resolved
) -> Options:
    """The options of a command that is still being typed: those that fit already."""
    options = {option.name: option for option in declared}
    values: dict[str, Any] = {}
    for given in supplied:
        option = options.get(given.name)
        if option is None or given.focused:
            continue
        try:
            values[option.name] = _read_value(option, given.value, resolved)
        except BadOption:
            continue
    return Options(options.values(), values, resolved)


def _read_value(option: Option, value: object, resolved: Resolved) -> object:
    match option.kind:
        case OptionKind.STRING:
            return _string(option, value)
        case OptionKind.INTEGER:
            return _integer(option, value)
        case OptionKind.NUMBER:
            return _number(option, value)
        case OptionKind.BOOLEAN:
            if not isinstance(value, bool):
                raise BadOption(option.name, "true or false")
            return value
        case _:
            return _entity(option, value, resolved)


def _string(option: Option, value: object) -> str:
    if not isinstance(value, str):
        raise BadOption(option.name, "text")
    shortest, longest = option.min_length or 0, option.max_length or MAX_STRING_LENGTH
    if not shortest <= len(value) <= longest:
        raise BadOption(option.name, f"{shortest} to {longest} characters long")
    _check_choice(option, value)
    return well_formed(value)


def _integer(option: Option, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadOption(option.name, "a whole number")
    _check_range(option, value)
    _check_choice(option, value)
    return value


def _number(option: Option, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadOption(option.name, "a number")
    _check_range(option, value)
    _check_choice(option, value)
    return float(value)


def _check_range(option: Option, value: float) -> None:
    low = -MAX_SAFE_INTEGER if option.minimum is None else option.minimum
    high = MAX_SAFE_INTEGER if option.maximum is None else option.maximum
    if not low <= value <= high:
        raise BadOption(option.name, f"a number from {low:,.16g} to {high:,.16g}")


def _check_choice(option: Option, value: str | float) -> None:
    if option.choices and value not in {choice.value for choice in option.choices}:
        raise BadOption(option.name, "one of: " + ", ".join(choice.name for choice in option.choices))


def _entity(option: Option, value: object, resolved: Resolved) -> object:
    """The thing that an id stands for; Discord resolves every id that it lets through."""
    found: object | None = None
    snowflake = parse_snowflake(value) or 0
    match option.kind:
        case OptionKind.USER:
            found, what = resolved.users.get(snowflake), "a user"
        case OptionKind.CHANNEL:
            found, what = resolved.channels.get(snowflake), "a channel of this server"
        case OptionKind.ROLE:
            found, what = resolved.roles.get(snowflake), "a role of this server"
        case OptionKind.ATTACHMENT:
            found, what = resolved.attachments.get(snowflake), "a file"
        case _:
            found, what = resolved.users.get(snowflake) or resolved.roles.get(snowflake), "a user or a role"
    if found is None:
        raise BadOption(option.name, what)
    if isinstance(found, ResolvedChannel) and option.channel_types and found.type not in option.channel_types:
        raise BadOption(option.name, "a channel of a kind that this command takes")
    return found
