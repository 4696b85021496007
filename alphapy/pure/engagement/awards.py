"""What is awarded each week: the list of awards, as it is typed, stored and read (spec/engagement.md 4.5).

Strict in, tolerant out: what an admin types is refused as a whole where any of it is wrong; what is stored,
perhaps by other programs, is read as far as it makes sense.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from alphapy.pure.engagement.badges import KEY_RULE, badge_key
from alphapy.pure.ids import RoleId, parse_snowflake
from alphapy.pure.text import well_formed

MOST_AWARDS: Final = 10
LONGEST_LABEL: Final = 100
LONGEST_SUBTITLE: Final = 150

LONGEST_LIST: Final = 20_000
"""Characters of a list that are looked at."""


class Filter(enum.Enum):
    """What is counted; the values are stored."""

    NON_FOOD = "non_food"
    """Messages outside of food channels."""
    FOOD = "food"
    """Messages in food channels."""
    IMAGE = "image"
    """Messages with a picture."""
    REACTIONS = "reactions"
    """The reactions to the one picture that has most."""


@attrs.frozen(kw_only=True)
class Award:
    """One award. ``role_id`` passes from winner to winner."""

    key: str
    label: str
    filter: Filter
    subtitle: str = ""
    role_id: RoleId | None = None

    def to_json(self) -> dict[str, Any]:
        """The award as it is stored; ids as text, which every program reads alike."""
        return {
            "key": self.key,
            "label": self.label,
            "filter": self.filter.value,
            "subtitle": self.subtitle,
            "role_id": None if self.role_id is None else str(self.role_id),
        }


BUILT_IN: Final = (
    Award(
        key="motivator",
        label="\N{CHEERING MEGAPHONE} Motivator",
        filter=Filter.NON_FOOD,
        subtitle="Most messages of the week",
    ),
    Award(
        key="foodfluencer",
        label="\N{RED APPLE} Foodfluencer",
        filter=Filter.FOOD,
        subtitle="Most posts about food",
    ),
    Award(
        key="sharpshooter",
        label="\N{COLLISION SYMBOL} Sharpshooter",
        filter=Filter.IMAGE,
        subtitle="Most posts with pictures",
    ),
    Award(
        key="star",
        label="\N{WHITE MEDIUM STAR} Star",
        filter=Filter.REACTIONS,
        subtitle="The picture with the most reactions",
    ),
)


@attrs.frozen
class BadAwards(Exception):
    """A list that may not be stored; ``text`` tells the admin why, with the number of the item (from 1)."""

    text: str


RoleFault = Callable[[RoleId], str | None]
"""Why a role cannot be an award's ("does not exist"), None where it can."""


def built_in(*, has_food: bool) -> tuple[Award, ...]:
    """The awards of a guild that has not listed its own; one of them needs food channels."""
    return tuple(award for award in BUILT_IN if has_food or award.filter is not Filter.FOOD)


def read_awards(stored: object, *, has_food: bool) -> tuple[tuple[Award, ...], bool]:
    """The guild's awards, and whether they are its own; the built-in ones where nothing stored makes sense.

    ``stored`` is text with a JSON list, or the list itself. Items without a key, or with that of an earlier
    one, are skipped; an unknown filter is read as ``non_food``.
    """
    items: Any = stored
    if isinstance(stored, str):
        try:
            items = json.loads(stored) if len(stored) <= LONGEST_LIST else None
        except (ValueError, RecursionError):
            items = None
    awards: dict[str, Award] = {}
    for item in items if isinstance(items, list | tuple) else ():
        award = _read(item)
        if award is not None and len(awards) < MOST_AWARDS:
            awards.setdefault(award.key, award)
    own = tuple(awards.values())
    return (own, True) if own else (built_in(has_food=has_food), False)


def parse_awards(text: str, role_fault: RoleFault) -> tuple[Award, ...]:
    """The list that somebody typed, perhaps an empty one. Raises BadAwards."""
    try:
        items = json.loads(text) if len(text) <= LONGEST_LIST else None
    except (ValueError, RecursionError):
        raise BadAwards("That is not JSON. It has to be a list like `[{…}, {…}]`.") from None
    if not isinstance(items, list):
        raise BadAwards("It has to be a JSON list like `[{…}, {…}]`.")
    if len(items) > MOST_AWARDS:
        raise BadAwards(f"There may be at most {MOST_AWARDS} awards, and these are {len(items)}.")
    awards: list[Award] = []
    for number, item in enumerate(items, start=1):
        award = _parse(number, item, role_fault)
        if any(award.key == other.key for other in awards):
            raise BadAwards(f"Item {number}: the key `{award.key}` is there already.")
        awards.append(award)
    return tuple(awards)


def dump_awards(awards: tuple[Award, ...]) -> str:
    """The list as text, for the setting; empty, which is the built-in list, for an empty one."""
    return json.dumps([award.to_json() for award in awards], ensure_ascii=False) if awards else ""


def _parse(number: int, item: object, role_fault: RoleFault) -> Award:
    if not isinstance(item, Mapping):
        raise BadAwards(f"Item {number}: it has to be an object like `{{…}}`.")
    raw_key = item.get("key")
    key = badge_key(raw_key) if isinstance(raw_key, str) else None
    if key is None:
        raise BadAwards(f"Item {number}: `key` has to be {KEY_RULE}.")
    label = _text(item.get("label"))
    if label is None or not 1 <= len(label) <= LONGEST_LABEL:
        raise BadAwards(f"Item {number}: `label` has to be text of 1 to {LONGEST_LABEL} characters.")
    subtitle = _text(item.get("subtitle"), absent="")
    if subtitle is None or len(subtitle) > LONGEST_SUBTITLE:
        raise BadAwards(f"Item {number}: `subtitle` has to be text of at most {LONGEST_SUBTITLE} characters.")
    kind = _filter(item.get("filter"))
    if kind is None:
        names = ", ".join(f"`{one.value}`" for one in Filter)
        raise BadAwards(f"Item {number}: `filter` has to be one of {names}.")
    return Award(
        key=key, label=label, filter=kind, subtitle=subtitle, role_id=_role(number, item, role_fault)
    )


def _role(number: int, item: Mapping[str, object], role_fault: RoleFault) -> RoleId | None:
    given = item.get("role_id")
    if given is None:
        return None
    found = parse_snowflake(given)
    if found is None:
        raise BadAwards(f"Item {number}: `role_id` has to be the id of a role, or null.")
    fault = role_fault(RoleId(found))
    if fault is not None:
        raise BadAwards(f"Item {number}: the role of `role_id` {fault}.")
    return RoleId(found)


def _read(item: object) -> Award | None:
    if not isinstance(item, Mapping):
        return None
    raw_key = item.get("key")
    key = badge_key(raw_key) if isinstance(raw_key, str) else None
    if key is None:
        return None
    found = parse_snowflake(item.get("role_id"))
    return Award(
        key=key,
        label=(_text(item.get("label")) or key)[:LONGEST_LABEL],
        filter=_filter(item.get("filter")) or Filter.NON_FOOD,
        subtitle=(_text(item.get("subtitle")) or "")[:LONGEST_SUBTITLE],
        role_id=None if found is None else RoleId(found),
    )


def _filter(value: object) -> Filter | None:
    return next((kind for kind in Filter if kind.value == value), None)


def _text(value: object, *, absent: str | None = None) -> str | None:
    """Text without white space around it; ``absent`` for null, None for what is no text."""
    if value is None:
        return absent
    return well_formed(value).strip() if isinstance(value, str) else None
