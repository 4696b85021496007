"""Settings: what a key means, what may be written, and how old rows are read (spec/settings.md 2.1 and 3).

Writing is strict: :meth:`SettingDef.canonical` gives the one JSON form that is stored, or raises
:class:`InvalidSetting`. Reading is tolerant: :meth:`SettingDef.read` understands what earlier programs
stored, or raises :class:`UndecodableSetting`, upon which the default applies.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import attrs
from typing_extensions import override

from alphapy.pure.setting_types import READERS, WRITERS, Bounds, SettingType, Unfit, Unreadable, json_text

RAW_SCOPE = "fyi"
"""The only scope that may hold keys without a definition."""

UNDECODABLE: Final = object()
"""Stands for a stored value that is no JSON that can be read."""


class ChannelFit(enum.Enum):
    """Which kinds of channel a channel setting accepts, as Discord's channel types."""

    TEXT = frozenset({0, 5})
    TEXT_OR_THREAD = frozenset({0, 5, 10, 11, 12})
    CATEGORY = frozenset({4})


class SettingError(Exception):
    """The root of this module's errors."""


@attrs.frozen
class InvalidSetting(SettingError):
    """A value that may not be written. ``expected`` completes the sentence "it must be …"."""

    scope: str
    key: str
    expected: str

    @override
    def __str__(self) -> str:
        return f"{self.scope}.{self.key} must be {self.expected}"


@attrs.frozen
class UndecodableSetting(SettingError):
    """A stored value that makes no sense for its key; the default applies."""

    scope: str
    key: str

    @override
    def __str__(self) -> str:
        return f"{self.scope}.{self.key} holds a value that cannot be read"


@attrs.frozen
class UnknownSetting(SettingError):
    """A key that nobody registered: a programming error, or a hostile request."""

    scope: str
    key: str

    @override
    def __str__(self) -> str:
        return f"{self.scope}.{self.key} is not a setting"


@attrs.frozen(kw_only=True)
class SettingDef(Bounds):
    """One setting: its type, bounds and meaning. ``default`` is its value while nothing is stored."""

    scope: str
    key: str
    default: Any
    meaning: str
    fit: ChannelFit = ChannelFit.TEXT
    check: Callable[[Any], str | None] | None = None
    """A last test of a canonical value: None when it is fine, else what it must be."""
    owner_only: bool = False
    """Only a bot owner may change it."""
    managed: bool = False
    """The bot keeps it itself; neither shown nor writable."""

    @property
    def name(self) -> str:
        """``scope.key``."""
        return f"{self.scope}.{self.key}"

    def canonical(self, value: object) -> Any:
        """The JSON value to store; None means "clear the override". Raises InvalidSetting."""
        if value is None or (value == "" and self.type is not SettingType.STR):
            return None
        try:
            written = WRITERS[self.type](self, value)
        except Unfit as unfit:
            raise InvalidSetting(self.scope, self.key, str(unfit)) from None
        if written is not None and self.check is not None and (expected := self.check(written)) is not None:
            raise InvalidSetting(self.scope, self.key, expected)
        return written

    def read(self, stored: object) -> Any:
        """The value in memory of what ``bot_settings.value`` holds; raises UndecodableSetting."""
        try:
            if stored is UNDECODABLE:
                raise Unreadable
            return READERS[self.type](json_text(stored) if self.takes_json else stored)
        except Unreadable:
            raise UndecodableSetting(self.scope, self.key) from None


@attrs.frozen(kw_only=True)
class SettingFamily:
    """Settings whose names a guild chooses itself: ``pattern.key`` followed by a name.

    ``pattern`` is what else is true of each of them; a guild may store at most ``most`` of them.
    """

    pattern: SettingDef
    is_name: Callable[[str], bool]
    most: int

    def find(self, scope: str, key: str) -> SettingDef | None:
        """The definition of a key of this family, or None."""
        prefix = self.pattern.key
        if scope != self.pattern.scope or not key.startswith(prefix) or not self.is_name(key[len(prefix) :]):
            return None
        return attrs.evolve(self.pattern, key=key)


class SettingsRegistry:
    """Every setting there is, frozen when it is built. Raises ValueError when a key is registered twice.

    A key that is registered is of no family.
    """

    def __init__(self, definitions: Iterable[SettingDef], families: Iterable[SettingFamily] = ()) -> None:
        self._families = tuple(families)
        self._definitions: dict[tuple[str, str], SettingDef] = {}
        for definition in definitions:
            address = (definition.scope, definition.key)
            if address in self._definitions:
                raise ValueError(f"{definition.name} is registered twice")
            self._definitions[address] = definition

    def definition(self, scope: str, key: str) -> SettingDef:
        """The definition of a key; raises UnknownSetting."""
        found = self.find(scope, key)
        if found is None:
            raise UnknownSetting(scope, key)
        return found

    def find(self, scope: str, key: str) -> SettingDef | None:
        """The definition of a key, or None."""
        found = self._definitions.get((scope, key))
        if found is None:
            found = next((of for family in self._families if (of := family.find(scope, key))), None)
        return found

    def chosen(self, scope: str, overrides: Mapping[tuple[str, str], Any]) -> tuple[SettingDef, ...]:
        """The settings of families of a scope that are among these overrides, by key."""
        return tuple(
            definition
            for found_scope, key in sorted(overrides)
            if found_scope == scope
            and (found_scope, key) not in self._definitions
            and (definition := self.find(scope, key)) is not None
        )

    def surplus(self, definition: SettingDef, overrides: Mapping[tuple[str, str], Any]) -> str | None:
        """What a setting must be where storing one more of its family would be one too many; else None."""
        address = (definition.scope, definition.key)
        if address in self._definitions or address in overrides:
            return None
        for family in self._families:
            if family.find(*address) is not None:
                stored = sum(
                    family.find(d.scope, d.key) is not None for d in self.chosen(address[0], overrides)
                )
                return None if stored < family.most else f"one of at most {family.most} such settings"
        return None

    def scope(self, scope: str) -> tuple[SettingDef, ...]:
        """The definitions of a scope: ``enabled`` first, the rest by key. Those of families are left out."""
        found = [d for d in self._definitions.values() if d.scope == scope]
        return tuple(sorted(found, key=lambda d: (d.key != "enabled", d.key)))

    def scopes(self) -> tuple[str, ...]:
        """All scopes, sorted."""
        return tuple(sorted({d.scope for d in self._definitions.values()}))

    def read_rows(
        self, rows: Iterable[tuple[str, str, object]]
    ) -> tuple[Mapping[tuple[str, str], Any], tuple[str, ...], int]:
        """Overrides out of stored rows ``(scope, key, value)``.

        Returns the readable overrides, the names of undecodable ones, and how many rows nobody
        registered (raw keys of scope ``fyi`` do not count as such).
        """
        overrides: dict[tuple[str, str], Any] = {}
        undecodable: list[str] = []
        unknown = 0
        for scope, key, stored in rows:
            definition = self.find(scope, key)
            if definition is None:
                unknown += scope != RAW_SCOPE
            elif stored is not None:
                try:
                    overrides[scope, key] = definition.read(stored)
                except UndecodableSetting:
                    undecodable.append(definition.name)
        return overrides, tuple(undecodable), unknown
