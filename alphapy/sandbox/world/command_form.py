"""The form of an application command: checked against the limits, completed with its defaults. Pure."""

from __future__ import annotations

import re
from typing import Any

from alphapy.sandbox import limits
from alphapy.sandbox.errors import JSON, Code, Problems, Refused, invalid_field, refused

SUB_COMMAND = 1
SUB_COMMAND_GROUP = 2
STRING = 3
INTEGER = 4
BOOLEAN = 5
USER = 6
CHANNEL = 7
ROLE = 8
MENTIONABLE = 9
NUMBER = 10
ATTACHMENT = 11
_NAME = re.compile(r"[-_'\w\u0900-\u097F\u0E00-\u0E7F]{1,32}")
_NESTS = {0: {SUB_COMMAND, SUB_COMMAND_GROUP}, 1: {SUB_COMMAND}, 2: set[int]()}
Path = tuple[str | int, ...]


def check_all(bodies: Any) -> None:
    """Refuse a bulk overwrite that breaks a limit, with the path of each fault."""
    if not isinstance(bodies, list):
        raise invalid_field((), "LIST_TYPE_CONVERT", "Must be a list.")
    problems = Problems()
    seen: set[tuple[object, object]] = set()
    counts = dict.fromkeys(limits.COMMANDS, 0)
    for number, body in enumerate(bodies):
        if not isinstance(body, dict):
            problems.add((number,), "DICT_TYPE_CONVERT", "Must be an object.")
            continue
        _check_command(problems, (number,), body)
        kind = body.get("type", 1)
        key = (body.get("name"), kind)
        if key in seen:
            problems.add(
                (number, "name"),
                "APPLICATION_COMMANDS_DUPLICATE_NAME",
                "Application command names are unique",
            )
        seen.add(key)
        if kind in counts:
            counts[kind] += 1
    problems.raise_if_any()
    if any(count > limits.COMMANDS[kind] for kind, count in counts.items()):
        raise too_many()


def check_one(body: Any) -> None:
    """Refuse one command that breaks a limit."""
    if not isinstance(body, dict):
        raise invalid_field((), "DICT_TYPE_CONVERT", "Must be an object.")
    problems = Problems()
    _check_command(problems, (), body)
    problems.raise_if_any()


def too_many() -> Refused:
    """30032: the application has as many commands as it can."""
    return refused(Code.TOO_MANY_COMMANDS)


def complete(body: JSON) -> JSON:
    """The command with the defaults that Discord fills in."""
    command: JSON = {
        "type": body.get("type") or 1,
        "name": body["name"],
        "name_localizations": body.get("name_localizations"),
        "description": body.get("description") or "",
        "description_localizations": body.get("description_localizations"),
        "default_member_permissions": body.get("default_member_permissions"),
        "dm_permission": body.get("dm_permission", True) is not False,
        "contexts": body.get("contexts"),
        "integration_types": body.get("integration_types") or [0],
        "nsfw": bool(body.get("nsfw")),
    }
    if command["contexts"] is None and not command["dm_permission"]:
        command["contexts"] = [0]
    if command["default_member_permissions"] is not None:
        command["default_member_permissions"] = str(int(command["default_member_permissions"]))
    if body.get("options"):
        command["options"] = [_complete_option(option) for option in body["options"]]
    return command


def _complete_option(option: JSON) -> JSON:
    done = {key: value for key, value in option.items() if value is not None}
    if option.get("options"):
        done["options"] = [_complete_option(inner) for inner in option["options"]]
    if not done.get("required"):
        done.pop("required", None)
    if not done.get("autocomplete"):
        done.pop("autocomplete", None)
    return done


def _check_command(problems: Problems, path: Path, body: JSON) -> None:
    kind = body.get("type", 1)
    if kind not in limits.COMMANDS:
        problems.choice((*path, "type"), str(tuple(limits.COMMANDS)))
        return
    name = body.get("name")
    if not name:
        problems.required((*path, "name"))
    elif kind == 1:
        _check_name(problems, (*path, "name"), name)
        problems.longest(
            (*path, "description"), body.get("description") or "", limits.COMMAND_DESCRIPTION, least=1
        )
        if _length(body) > limits.COMMAND_TOTAL:
            problems.add(
                path,
                "APPLICATION_COMMAND_TOO_LARGE",
                f"Command exceeds maximum size ({limits.COMMAND_TOTAL})",
            )
    else:
        problems.longest((*path, "name"), name, limits.COMMAND_NAME, least=1)
        if body.get("description") or body.get("options"):
            problems.add((*path, "description"), "APPLICATION_COMMAND_CONTEXT_MENU", "It has a name only.")
    _check_options(problems, path, body.get("options") or [], depth=0)


def _check_options(problems: Problems, path: Path, options: list[Any], *, depth: int) -> None:
    problems.at_most((*path, "options"), options, limits.COMMAND_OPTIONS)
    kinds = {option.get("type") for option in options}
    nested = kinds & {SUB_COMMAND, SUB_COMMAND_GROUP}
    if nested and (kinds - {SUB_COMMAND, SUB_COMMAND_GROUP} or not nested <= _NESTS[depth]):
        problems.add(
            (*path, "options"), "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Sub-commands do not mix."
        )
    optional_seen = False
    names: set[object] = set()
    for number, option in enumerate(options):
        here = (*path, "options", number)
        _check_option(problems, here, option, depth=depth)
        if option.get("name") in names:
            problems.add(
                (*here, "name"), "APPLICATION_COMMAND_OPTIONS_NAME_INVALID", "Option names are unique"
            )
        names.add(option.get("name"))
        if option.get("required") and optional_seen:
            problems.add(
                here,
                "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                "Required options come before optional ones",
            )
        optional_seen = optional_seen or not option.get("required")


def _check_option(problems: Problems, path: Path, option: JSON, *, depth: int) -> None:
    kind = option.get("type")
    if kind not in range(SUB_COMMAND, ATTACHMENT + 1):
        problems.choice((*path, "type"), "(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)")
        return
    if not option.get("name"):
        problems.required((*path, "name"))
    else:
        _check_name(problems, (*path, "name"), option["name"])
    problems.longest(
        (*path, "description"), option.get("description") or "", limits.COMMAND_DESCRIPTION, least=1
    )
    if kind in {SUB_COMMAND, SUB_COMMAND_GROUP}:
        deeper = 2 if kind == SUB_COMMAND else depth + 1
        inner = option.get("options") or []
        if kind == SUB_COMMAND_GROUP and not inner:
            problems.required((*path, "options"))
        _check_options(problems, path, inner, depth=deeper)
        return
    _check_choices(problems, path, option)
    for low, high in (("min_value", "max_value"), ("min_length", "max_length")):
        if option.get(low) is not None and option.get(high) is not None and option[low] > option[high]:
            problems.add((*path, low), "NUMBER_TYPE_MAX", f"Must not exceed {high}.")


def _check_choices(problems: Problems, path: Path, option: JSON) -> None:
    choices = option.get("choices") or []
    problems.at_most((*path, "choices"), choices, limits.COMMAND_CHOICES)
    if choices and option.get("autocomplete"):
        problems.add(
            (*path, "choices"), "APPLICATION_COMMAND_AUTOCOMPLETE_CHOICES", "Choices exclude autocomplete"
        )
    if (choices or option.get("autocomplete")) and option["type"] not in {STRING, INTEGER, NUMBER}:
        problems.add(path, "APPLICATION_COMMAND_OPTIONS_CHOICES_INVALID", "This type takes no choices")
    for number, choice in enumerate(choices):
        check_choice(problems, (*path, "choices", number), choice, option["type"])


def check_choice(problems: Problems, path: Path, choice: JSON, kind: int) -> None:
    """Note what is wrong with one choice of an option of this type."""
    problems.longest((*path, "name"), choice.get("name") or "", limits.CHOICE_NAME, least=1)
    value = choice.get("value")
    if kind == STRING:
        problems.longest((*path, "value"), value if value is not None else "", limits.CHOICE_VALUE)
    elif isinstance(value, bool) or not isinstance(value, int if kind == INTEGER else int | float):
        problems.add((*path, "value"), "NUMBER_TYPE_COERCE", "Must be a number.")


def _check_name(problems: Problems, path: Path, name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name != name.lower():
        problems.add(path, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")


def _length(node: JSON) -> int:
    own = len(node.get("name") or "") + len(node.get("description") or "")
    own += sum(
        len(str(choice.get("name", ""))) + len(str(choice.get("value", "")))
        for choice in node.get("choices") or ()
    )
    return own + sum(_length(option) for option in node.get("options") or ())
