"""Reading members' answers back out of the messages that told of them (spec/engagement.md 4.9)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

import attrs

from alphapy.pure.ids import UserId, parse_snowflake
from alphapy.pure.text import well_formed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WHO: Final = re.compile(r"\(([0-9]{1,20})\)", re.ASCII)


class Field(Protocol):
    """A field of an embed."""

    @property
    def name(self) -> str:
        """The question."""
        ...

    @property
    def value(self) -> str:
        """The answer."""
        ...


class LoggedEmbed(Protocol):
    """What matters of an embed."""

    @property
    def description(self) -> str | None:
        """Whom it is about."""
        ...

    @property
    def fields(self) -> Sequence[Field]:
        """The answers."""
        ...


@attrs.frozen
class Record:
    """What one member answered, and when that was told."""

    user_id: UserId
    responses: Mapping[str, str]
    at: datetime


def read_record(embeds: Iterable[LoggedEmbed], at: datetime) -> Record | None:
    """The answers in a message: its first embed that names a member by id, ``(123)``; None without any."""
    for embed in embeds:
        found = _WHO.search(embed.description or "")
        user_id = None if found is None else parse_snowflake(found[1])
        if user_id is None:
            continue
        pairs = ((_trimmed(field.name), _trimmed(field.value)) for field in embed.fields)
        responses = {question: answer for question, answer in pairs if question}
        return Record(UserId(user_id), responses, at) if responses else None
    return None


def _trimmed(text: str) -> str:
    return well_formed(text).strip()


def newest(records: Iterable[Record]) -> list[Record]:
    """One record of each member, the newest."""
    found: dict[UserId, Record] = {}
    for record in records:
        known = found.get(record.user_id)
        if known is None or record.at > known.at:
            found[record.user_id] = record
    return list(found.values())
