"""What a Discord client does before it sends an interaction: find the command, check and fill in values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alphapy.sandbox.world import command_form as form
from alphapy.sandbox.world.components import SELECTS, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alphapy.sandbox.errors import JSON
    from alphapy.sandbox.world.guilds import Place
    from alphapy.sandbox.world.world import World

NESTING = frozenset({form.SUB_COMMAND, form.SUB_COMMAND_GROUP})
_IDS = frozenset({form.USER, form.CHANNEL, form.ROLE, form.MENTIONABLE, form.ATTACHMENT})
_SELECT_IDS = {5: form.USER, 6: form.ROLE, 7: form.MENTIONABLE, 8: form.CHANNEL}


class ClientRefusal(Exception):
    """The client does not let the person do this."""


def find_command(commands: list[JSON], path: str) -> tuple[JSON, list[JSON], JSON]:
    """The command of ``"/cc add"``, the sub-commands on the way, and the one that takes the values."""
    words = path.removeprefix("/").split()
    command = next((c for c in commands if c["name"] == words[0] and c["type"] == 1), None)
    if command is None:
        raise ClientRefusal(f"no command /{words[0]} is offered here")
    trail: list[JSON] = []
    node = command
    for word in words[1:]:
        inner = next((o for o in node.get("options", ()) if o["name"] == word and o["type"] in NESTING), None)
        if inner is None:
            raise ClientRefusal(f"/{' '.join(words)} is not offered here")
        trail.append(inner)
        node = inner
    if any(option["type"] in NESTING for option in node.get("options", ())):
        raise ClientRefusal(f"/{' '.join(words)} is a group: name one of its commands")
    return command, trail, node


def check_values(leaf: JSON, values: Mapping[str, Any]) -> None:
    """Refuse values that a client would not let through: unknown, missing, out of bounds."""
    options = {option["name"]: option for option in leaf.get("options", ())}
    for name in values:
        if name not in options:
            raise ClientRefusal(f"{leaf['name']} has no option {name!r}")
    for name, option in options.items():
        if name in values:
            _check_value(option, values[name])
        elif option.get("required"):
            raise ClientRefusal(f"the option {name!r} is required")


def filled(
    world: World,
    place: Place,
    user_id: int,
    command: JSON,
    trail: list[JSON],
    leaf: JSON,
    values: Mapping[str, Any],
    *,
    focused: str | None = None,
) -> JSON:
    """The data of the interaction: nested options with their values, and the objects that ids stand for."""
    data: JSON = {"id": command["id"], "name": command["name"], "type": command["type"]}
    if "guild_id" in command:
        data["guild_id"] = command["guild_id"]
    resolved: JSON = {}
    entries: list[JSON] = []
    for option in leaf.get("options", ()):
        if option["name"] not in values:
            continue
        value = _converted(option, values[option["name"]], loosely=option["name"] == focused)
        entry = {"name": option["name"], "type": option["type"], "value": value}
        if option["name"] == focused:
            entry["focused"] = True
        elif option["type"] in _IDS:
            _resolve(world, place, user_id, option["type"], value, resolved)
        entries.append(entry)
    for step in reversed(trail):
        entries = [{"name": step["name"], "type": step["type"], "options": entries}]
    if entries:
        data["options"] = entries
    if resolved:
        data["resolved"] = resolved
    return data


def component_data(world: World, place: Place, user_id: int, component: JSON, values: list[str]) -> JSON:
    """The data of a pressed button or of a choice in a select menu."""
    kind = component["type"]
    if component.get("disabled"):
        raise ClientRefusal("the component is disabled")
    data: JSON = {"component_type": kind, "custom_id": component["custom_id"], "id": component.get("id", 0)}
    if kind == Kind.BUTTON:
        if values:
            raise ClientRefusal("a button takes no values")
        return data
    if kind not in SELECTS:
        raise ClientRefusal("nobody can click this component")
    least, most = component.get("min_values", 1), component.get("max_values", 1)
    if not least <= len(values) <= most:
        raise ClientRefusal(f"between {least} and {most} values are to be chosen")
    if kind == Kind.STRING_SELECT and set(values) - {option["value"] for option in component["options"]}:
        raise ClientRefusal("the menu has no such value")
    data["values"] = values
    resolved: JSON = {}
    for value in values if kind in _SELECT_IDS else ():
        _resolve(world, place, user_id, _SELECT_IDS[kind], value, resolved)
    if resolved:
        data["resolved"] = resolved
    return data


def modal_fields(modal: JSON) -> dict[str, JSON]:
    """The inputs of a modal by custom id, each with the label it is shown under."""
    fields: dict[str, JSON] = {}
    for row in modal["components"]:
        inputs = [row["component"]] if "component" in row else row.get("components", ())
        for field in inputs:
            fields[field["custom_id"]] = {**field, "label": row.get("label") or field.get("label", "")}
    return fields


def filled_modal(modal: JSON, values: Mapping[str, Any]) -> JSON:
    """The data of a submitted modal; refuses what a client would not send."""
    fields = modal_fields(modal)
    for name in values:
        if name not in fields:
            raise ClientRefusal(f"the modal has no field {name!r}")
    rows: list[JSON] = []
    for number, row in enumerate(modal["components"], 1):
        done: JSON = {"type": row["type"], "id": row.get("id", number)}
        if "component" in row:
            done["component"] = _filled_input(row["component"], values)
        elif row.get("components"):
            done["components"] = [_filled_input(field, values) for field in row["components"]]
        rows.append(done)
    return {"custom_id": modal["custom_id"], "components": rows}


def _filled_input(field: JSON, values: Mapping[str, Any]) -> JSON:
    if field["type"] in SELECTS:
        chosen = [str(value) for value in values.get(field["custom_id"], ())]
        return {
            "type": field["type"],
            "custom_id": field["custom_id"],
            "values": chosen,
            "id": field.get("id", 0),
        }
    value = values.get(field["custom_id"], field.get("value") or "")
    if field["type"] == Kind.TEXT_INPUT:
        if not value and field.get("required", True):
            raise ClientRefusal(f"the field {field['custom_id']!r} is required")
        if value and not (field.get("min_length") or 0) <= len(value) <= (field.get("max_length") or 4000):
            raise ClientRefusal(f"the field {field['custom_id']!r} is too long or too short")
    return {"type": field["type"], "custom_id": field["custom_id"], "value": value, "id": field.get("id", 0)}


def _check_value(option: JSON, value: Any) -> None:
    name, kind = option["name"], option["type"]
    if kind == form.BOOLEAN and not isinstance(value, bool):
        raise ClientRefusal(f"{name!r} is either true or false")
    if kind in {form.INTEGER, form.NUMBER}:
        if isinstance(value, bool) or not isinstance(value, int if kind == form.INTEGER else int | float):
            raise ClientRefusal(f"{name!r} is a number")
        if not option.get("min_value", value) <= value <= option.get("max_value", value):
            raise ClientRefusal(f"{name!r} is out of bounds")
    if kind == form.STRING:
        length = len(str(value))
        if not option.get("min_length", 0) <= length <= option.get("max_length", 6000):
            raise ClientRefusal(f"{name!r} is too long or too short")
    choices = option.get("choices")
    if choices and value not in {choice["value"] for choice in choices}:
        raise ClientRefusal(f"{name!r} offers no choice {value!r}")


def _converted(option: JSON, value: Any, *, loosely: bool) -> Any:
    kind = option["type"]
    if loosely or kind == form.STRING or kind in _IDS:
        return str(value)
    return value


def _resolve(world: World, place: Place, user_id: int, kind: int, value: str, resolved: JSON) -> None:
    object_id = int(value) if value.isascii() and value.isdecimal() else -1
    guild = place.guild
    if kind in {form.USER, form.MENTIONABLE} and object_id in world.users.records:
        resolved.setdefault("users", {})[value] = world.users.get(object_id)
        if guild is not None and object_id in guild.members:
            member = {k: v for k, v in guild.members[object_id].items() if k not in {"deaf", "mute"}}
            member["permissions"] = str(world.access.rights(object_id, place))
            resolved.setdefault("members", {})[value] = member
    elif kind in {form.ROLE, form.MENTIONABLE} and guild is not None and object_id in guild.roles:
        resolved.setdefault("roles", {})[value] = guild.roles[object_id]
    elif kind == form.CHANNEL and guild is not None and object_id in guild.channels:
        shown = ("id", "name", "type", "parent_id", "thread_metadata")
        channel = {key: guild.channels[object_id][key] for key in shown if key in guild.channels[object_id]}
        target = world.guilds.place(object_id)
        channel["permissions"] = str(world.access.rights(user_id, target))
        resolved.setdefault("channels", {})[value] = channel
    else:
        raise ClientRefusal(f"{value} is nothing that can be chosen here")
