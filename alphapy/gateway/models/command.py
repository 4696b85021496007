"""An application command as Discord registers it, and every published limit on it.

Rules: https://docs.discord.com/developers/interactions/application-commands
"""

from __future__ import annotations

import enum
import unicodedata
from typing import TYPE_CHECKING, Any, Final

import attrs
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_COMMANDS: Final = 100
MAX_OPTIONS: Final = 25
"""Options of a command, subcommands of a group, groups of a command."""
MAX_CHOICES: Final = 25
MAX_NAME: Final = 32
MAX_DESCRIPTION: Final = 100
MAX_CHOICE_NAME: Final = 100
MAX_CHOICE_VALUE: Final = 100
"""Characters of a string choice's value."""
MAX_STRING_LENGTH: Final = 6000
"""The largest length that an option may ask of a string."""
MAX_SAFE_INTEGER: Final = 2**53 - 1
"""Integers and numbers of an option lie between minus this and this."""
MAX_COMMAND_CHARACTERS: Final = 8000
"""Characters of all names, descriptions and choice values of one command together."""

_NAME_MARKS: Final = "-_'"
_NAME_SCRIPTS: Final = (range(0x0900, 0x0980), range(0x0E00, 0x0E80))
"""Devanagari and Thai, whose vowel signs are neither letters nor digits."""


class OptionKind(enum.IntEnum):
    """The type of an option's value."""

    STRING = 3
    INTEGER = 4
    BOOLEAN = 5
    USER = 6
    CHANNEL = 7
    ROLE = 8
    MENTIONABLE = 9
    NUMBER = 10
    ATTACHMENT = 11


SUBCOMMAND: Final = 1
SUBCOMMAND_GROUP: Final = 2

NUMERIC: Final = frozenset({OptionKind.INTEGER, OptionKind.NUMBER})
CHOOSABLE: Final = NUMERIC | {OptionKind.STRING}
"""Kinds that may have choices or autocomplete."""


class ContextType(enum.IntEnum):
    """Where an interaction happens."""

    GUILD = 0
    BOT_DM = 1
    PRIVATE_CHANNEL = 2


@attrs.frozen
class ManifestError(Exception):
    """A command that Discord would refuse: which one, by its path, and which rule it breaks."""

    command: str
    rule: str

    @override
    def __str__(self) -> str:
        return f"/{self.command}: {self.rule}"


def is_command_name(name: str) -> bool:
    """Whether Discord takes this as the name of a chat input command, a group or an option."""
    return 1 <= len(name) <= MAX_NAME and name == name.lower() and all(map(_is_name_character, name))


def _is_name_character(character: str) -> bool:
    return (
        character in _NAME_MARKS
        or unicodedata.category(character)[0] in "LN"
        or any(ord(character) in script for script in _NAME_SCRIPTS)
    )


def check_manifest(manifest: Sequence[dict[str, Any]]) -> None:
    """Raise ManifestError for the first command that breaks a limit."""
    if len(manifest) > MAX_COMMANDS:
        raise ManifestError(manifest[MAX_COMMANDS]["name"], f"at most {MAX_COMMANDS} commands")
    _check_distinct("", "commands", manifest)
    for command in manifest:
        _check_entry(command["name"], command)
        characters = sum(map(len, _counted_texts(command)))
        if characters > MAX_COMMAND_CHARACTERS:
            raise ManifestError(
                command["name"],
                f"names, descriptions and choice values have {characters} characters together, "
                f"at most {MAX_COMMAND_CHARACTERS}",
            )


def _check_entry(path: str, entry: dict[str, Any]) -> None:
    """A command, group, subcommand or option, and everything below it."""
    if not is_command_name(entry["name"]):
        raise ManifestError(
            path, f"a name has 1 to {MAX_NAME} lower-case letters, digits, - _ or ': {entry['name']!r}"
        )
    if not 1 <= len(entry["description"]) <= MAX_DESCRIPTION:
        raise ManifestError(path, f"a description has 1 to {MAX_DESCRIPTION} characters")
    options = entry.get("options", [])
    if len(options) > MAX_OPTIONS:
        raise ManifestError(path, f"at most {MAX_OPTIONS} options or subcommands")
    _check_distinct(path, "options", options)
    required = [option.get("required", False) for option in options]
    if required != sorted(required, reverse=True):
        raise ManifestError(path, "required options come before optional ones")
    for option in options:
        _check_entry(f"{path} {option['name']}", option)
        if option["type"] not in (SUBCOMMAND, SUBCOMMAND_GROUP):
            _check_option(f"{path} {option['name']}", option)


def _check_distinct(path: str, what: str, entries: Sequence[dict[str, Any]]) -> None:
    seen: set[str] = set()
    for entry in entries:
        if entry["name"] in seen:
            raise ManifestError(f"{path} {entry['name']}".strip(), f"two {what} of that name")
        seen.add(entry["name"])


def _check_option(path: str, option: dict[str, Any]) -> None:
    kind = OptionKind(option["type"])
    choices = option.get("choices", [])
    if (choices or option.get("autocomplete")) and kind not in CHOOSABLE:
        raise ManifestError(path, "only strings, integers and numbers have choices or autocomplete")
    if choices and option.get("autocomplete"):
        raise ManifestError(path, "either choices or autocomplete, not both")
    if "channel_types" in option and kind is not OptionKind.CHANNEL:
        raise ManifestError(path, "only channel options have channel_types")
    _check_bounds(path, kind, option)
    _check_choices(path, kind, choices)


def _check_bounds(path: str, kind: OptionKind, option: dict[str, Any]) -> None:
    if not NUMERIC & {kind} and option.keys() & {"min_value", "max_value"}:
        raise ManifestError(path, "only integers and numbers have a minimum or maximum")
    if kind is not OptionKind.STRING and option.keys() & {"min_length", "max_length"}:
        raise ManifestError(path, "only strings have a length")
    low = option.get("min_value", -MAX_SAFE_INTEGER)
    high = option.get("max_value", MAX_SAFE_INTEGER)
    if not -MAX_SAFE_INTEGER <= low <= high <= MAX_SAFE_INTEGER:
        raise ManifestError(path, "the minimum is at most the maximum, both within 2^53")
    shortest, longest = option.get("min_length", 0), option.get("max_length", MAX_STRING_LENGTH)
    if not 0 <= shortest <= longest <= MAX_STRING_LENGTH or longest < 1:
        raise ManifestError(path, f"lengths lie between 0 and {MAX_STRING_LENGTH}, in order")


def _check_choices(path: str, kind: OptionKind, choices: Sequence[dict[str, Any]]) -> None:
    if len(choices) > MAX_CHOICES:
        raise ManifestError(path, f"at most {MAX_CHOICES} choices")
    _check_distinct(path, "choices", choices)
    for choice in choices:
        if not 1 <= len(choice["name"]) <= MAX_CHOICE_NAME:
            raise ManifestError(path, f"a choice's name has 1 to {MAX_CHOICE_NAME} characters")
        if not fits_kind(kind, choice["value"]):
            raise ManifestError(path, f"the value of choice {choice['name']!r} is not of the option's type")


def fits_kind(kind: OptionKind, value: object) -> bool:
    """Whether a choice's value is of the option's type and within Discord's bounds."""
    match value:
        case bool():
            return False
        case str():
            return kind is OptionKind.STRING and len(value) <= MAX_CHOICE_VALUE
        case int():
            return kind in NUMERIC and abs(value) <= MAX_SAFE_INTEGER
        case float():
            return kind is OptionKind.NUMBER and abs(value) <= MAX_SAFE_INTEGER
        case _:
            return False


def _counted_texts(entry: dict[str, Any]) -> Iterator[str]:
    """What counts towards the 8000 characters of a command."""
    yield entry["name"]
    yield entry["description"]
    for choice in entry.get("choices", []):
        yield choice["name"]
        yield str(choice["value"])
    for option in entry.get("options", []):
        yield from _counted_texts(option)
