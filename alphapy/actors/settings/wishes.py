"""What is asked of a guild's settings, checked: everything before anything is written. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alphapy.actors.settings.fit import is_reference, misfit
from alphapy.actors.settings.messages import NotSaved, RefusalKind, SaveScope
from alphapy.pure.settings import InvalidSetting, SettingDef, UndecodableSetting
from alphapy.storage.settings import HistoryEntry, SettingWrite

if TYPE_CHECKING:
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.guilds import CachedGuild


@attrs.frozen
class Wish:
    """One key and what it shall hold."""

    definition: SettingDef
    write: SettingWrite


def of_scope(
    asked: SaveScope, snapshot: SettingsSnapshot, guild: CachedGuild | None
) -> tuple[Wish, ...] | NotSaved:
    """The writes of a whole request, in a fixed order, or what is wrong with one of its keys."""
    found: dict[str, Wish] = {}
    overrides = dict(snapshot.overrides)
    for key, value in asked.values.items():
        definition = snapshot.registry.find(asked.scope, key)
        if definition is None:
            return NotSaved(kind=RefusalKind.UNKNOWN, name=f"{asked.scope}.{key}")
        wish = _checked(definition, value, guild)
        if isinstance(wish, NotSaved):
            return wish
        if wish.write.value is not None:
            crowded = snapshot.registry.surplus(definition, overrides)
            if crowded is not None:
                return _bad(definition, crowded)
            overrides[asked.scope, key] = wish.write.value
        if asked.as_owner or not _is_default_again(wish, snapshot):
            found[key] = wish
    if asked.replace:
        chosen = snapshot.registry.chosen(asked.scope, snapshot.overrides)
        for definition in (*snapshot.registry.scope(asked.scope), *chosen):
            if definition.key not in asked.values and not definition.managed:
                found[definition.key] = Wish(definition, _write(definition, None))
    return tuple(found[key] for key in sorted(found))


def of_history(entry: HistoryEntry, snapshot: SettingsSnapshot, guild: CachedGuild | None) -> Wish | NotSaved:
    """The write that takes back a change; the old value must still be one that may be written."""
    name = f"{entry.scope}.{entry.key}"
    if entry.change_type != "updated" or entry.old_value is None:
        return NotSaved(kind=RefusalKind.NOT_ROLLBACKABLE, name=name)
    definition = snapshot.registry.find(entry.scope, entry.key)
    if definition is None:
        return NotSaved(kind=RefusalKind.UNKNOWN, name=name)
    try:
        old = definition.read(entry.old_value)
    except UndecodableSetting:
        return NotSaved(kind=RefusalKind.NOT_ROLLBACKABLE, name=name)
    wish = _checked(definition, old, guild)
    if isinstance(wish, NotSaved):
        return wish
    if wish.write.value is None:  # an old way to say "not set"
        return NotSaved(kind=RefusalKind.NOT_ROLLBACKABLE, name=name)
    return attrs.evolve(wish, write=attrs.evolve(wish.write, is_rollback=True))


def _checked(definition: SettingDef, value: object, guild: CachedGuild | None) -> Wish | NotSaved:
    if definition.managed:
        return _bad(definition, "left alone: the bot keeps it itself")
    try:
        canonical = definition.canonical(_cleared(value))
    except InvalidSetting as error:
        return _bad(definition, error.expected)
    if canonical is not None:
        if guild is None and is_reference(definition):
            return NotSaved(kind=RefusalKind.NOT_YET, name=definition.name)
        unfit = misfit(definition, canonical, guild)
        if unfit is not None:
            return _bad(definition, unfit)
    return Wish(definition, _write(definition, canonical))


def _cleared(value: object) -> object:
    """Over HTTP an empty text clears any key, a text as well (spec/api.md 7.7.4)."""
    return None if value == "" else value


def _bad(definition: SettingDef, expected: str) -> NotSaved:
    return NotSaved(kind=RefusalKind.BAD_VALUE, name=definition.name, expected=expected)


def _write(definition: SettingDef, value: object) -> SettingWrite:
    return SettingWrite(definition.scope, definition.key, definition.type.value, value)


def _is_default_again(wish: Wish, snapshot: SettingsSnapshot) -> bool:
    """Whether somebody sends back, unchanged, a value that only a bot owner may change and nobody has."""
    definition = wish.definition
    return (
        definition.owner_only
        and not snapshot.is_overridden(definition)
        and wish.write.value == definition.default
    )
