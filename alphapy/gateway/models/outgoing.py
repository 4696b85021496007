"""Messages that we send: inside Discord's limits by construction, and without a mention nobody asked for.

Texts that are too long are cut, surplus embeds and fields are left out. What only a programming error can
exceed (component rows, files, a nonce) raises ValueError.
Limits: https://docs.discord.com/developers/resources/message#embed-object-embed-limits
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

import attrs

from alphapy.pure.ids import NONCE_LENGTH
from alphapy.pure.text import ZERO_WIDTH_SPACE, cut, well_formed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CONTENT: Final = 2000
EMBEDS: Final = 10
EMBED_TOTAL: Final = 6000
"""Characters in titles, descriptions, fields, footers and authors of all embeds of a message together."""
TITLE: Final = 256
DESCRIPTION: Final = 4096
FIELDS: Final = 25
FIELD_NAME: Final = 256
FIELD_VALUE: Final = 1024
FOOTER: Final = 2048
AUTHOR: Final = 256
URL: Final = 2048
ROWS: Final = 5
FILES: Final = 10
FILE_SIZE: Final = 10 * 1024 * 1024
"""Bytes that a bot may upload where nobody has boosted the guild."""
FILE_DESCRIPTION: Final = 1024
MENTIONS: Final = 100
EPHEMERAL: Final = 1 << 6
"""Message flag: only the member who invoked the interaction sees it."""


class Component(Protocol):
    """A row of buttons, a select, or what else may stand under a message (models/component.py)."""

    def to_json(self) -> Mapping[str, Any]:
        """The component as Discord wants it."""
        ...


def _fitted(text: str, limit: int) -> str:
    return cut(well_formed(text), limit)


def _visible(text: str, limit: int) -> str:
    """For places that Discord wants filled: a blank text becomes an invisible character."""
    fitted = _fitted(text, limit)
    return fitted if fitted.strip() else ZERO_WIDTH_SPACE


def _content(text: str) -> str:
    return _fitted(text, CONTENT)


def _title(text: str | None) -> str | None:
    return text and _fitted(text, TITLE)


def _description(text: str | None) -> str | None:
    return text and _fitted(text, DESCRIPTION)


def _field_name(text: str) -> str:
    return _visible(text, FIELD_NAME)


def _field_value(text: str) -> str:
    return _visible(text, FIELD_VALUE)


def _footer(text: str | None) -> str | None:
    return text and _fitted(text, FOOTER)


def _author(text: str | None) -> str | None:
    return text and _fitted(text, AUTHOR)


def _file_name(name: str) -> str:
    """Letters, digits, dots, dashes; Discord replaces the rest as well, and then nothing would match."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)[-100:] or "file"


def _file_description(text: str | None) -> str | None:
    return text and _fitted(text, FILE_DESCRIPTION)


def _web_address(url: str | None) -> str | None:
    """The address if Discord takes it, else None: one bad link must not lose a whole message."""
    if not url or len(url) > URL or any(c.isspace() for c in url) or well_formed(url) != url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https", "attachment"} and parts.netloc else None


def _aware(_instance: object, _attribute: object, value: datetime | None) -> None:
    if value is not None and value.utcoffset() is None:
        raise ValueError("an embed's timestamp needs a time zone")


@attrs.frozen
class EmbedField:
    """A field of an embed: name at most 256 characters, value at most 1024; neither is ever blank."""

    name: str = attrs.field(converter=_field_name)
    value: str = attrs.field(converter=_field_value)
    inline: bool = False

    @property
    def size(self) -> int:
        """Characters that count towards the message's 6000."""
        return len(self.name) + len(self.value)

    def to_json(self) -> dict[str, Any]:
        """The field as Discord wants it."""
        return {"name": self.name, "value": self.value, "inline": self.inline}


def _first_fields(fields: Iterable[EmbedField]) -> tuple[EmbedField, ...]:
    return tuple(fields)[:FIELDS]


@attrs.frozen(kw_only=True)
class Embed:
    """A rich embed. Addresses that Discord would refuse are left out; ``color`` is 0 to 0xFFFFFF."""

    title: str | None = attrs.field(default=None, converter=_title)
    description: str | None = attrs.field(default=None, converter=_description)
    url: str | None = attrs.field(default=None, converter=_web_address)
    color: int | None = attrs.field(
        default=None,
        validator=attrs.validators.optional([attrs.validators.ge(0), attrs.validators.le(0xFFFFFF)]),
    )
    fields: tuple[EmbedField, ...] = attrs.field(default=(), converter=_first_fields)
    footer: str | None = attrs.field(default=None, converter=_footer)
    author: str | None = attrs.field(default=None, converter=_author)
    image: str | None = attrs.field(default=None, converter=_web_address)
    thumbnail: str | None = attrs.field(default=None, converter=_web_address)
    timestamp: datetime | None = attrs.field(default=None, validator=_aware)

    @property
    def size(self) -> int:
        """Characters that count towards the message's 6000."""
        texts = (self.title, self.description, self.footer, self.author)
        found = sum(len(text) for text in texts if text) + sum(field.size for field in self.fields)
        # One that shows nothing gets an invisible description.
        return found or int(not (self.image or self.thumbnail))

    def to_json(self) -> dict[str, Any]:
        """The embed as Discord wants it; one that shows nothing gets an invisible description."""
        found: dict[str, Any] = {
            "title": self.title,
            "description": self.description,
            "url": self.url,
            "fields": [field.to_json() for field in self.fields],
            "footer": {"text": self.footer} if self.footer else None,
            "author": {"name": self.author} if self.author else None,
            "image": {"url": self.image} if self.image else None,
            "thumbnail": {"url": self.thumbnail} if self.thumbnail else None,
        }
        shown = {key: value for key, value in found.items() if value}
        if not shown.keys() - {"url"}:
            shown["description"] = ZERO_WIDTH_SPACE
        if self.color is not None:
            shown["color"] = self.color
        if self.timestamp is not None:
            shown["timestamp"] = self.timestamp.astimezone(UTC).isoformat(timespec="milliseconds")
        return shown


def fit_embeds(embeds: Iterable[Embed]) -> tuple[Embed, ...]:
    """At most ten embeds with at most 6000 characters together.

    From the last embed to the first: descriptions are shortened first, then fields are dropped from the
    end, then footers and authors go. Titles always stay.
    """
    fitted = list(embeds)[:EMBEDS]
    for shorten in (_shorten_description, _drop_fields, _drop_footer, _drop_author):
        for place in reversed(range(len(fitted))):
            excess = sum(embed.size for embed in fitted) - EMBED_TOTAL
            if excess <= 0:
                return tuple(fitted)
            fitted[place] = shorten(fitted[place], excess)
    return tuple(fitted)


def _shorten_description(embed: Embed, excess: int) -> Embed:
    text = embed.description or ""
    return attrs.evolve(embed, description=cut(text, max(len(text) - excess, 0)) or None)


def _drop_fields(embed: Embed, excess: int) -> Embed:
    fields = list(embed.fields)
    while fields and excess > 0:
        excess -= fields.pop().size
    return attrs.evolve(embed, fields=tuple(fields))


def _drop_footer(embed: Embed, _excess: int) -> Embed:
    return attrs.evolve(embed, footer=None)


def _drop_author(embed: Embed, _excess: int) -> Embed:
    return attrs.evolve(embed, author=None)


def _ids(ids: Iterable[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(ids))[:MENTIONS]


@attrs.frozen(kw_only=True)
class AllowedMentions:
    """Who may be pinged. Nothing is parsed but @everyone, and that only when said; the rest is by id."""

    user_ids: tuple[int, ...] = attrs.field(default=(), converter=_ids)
    role_ids: tuple[int, ...] = attrs.field(default=(), converter=_ids)
    everyone: bool = False
    replied_user: bool = False

    @classmethod
    def none(cls) -> AllowedMentions:
        """Nobody."""
        return cls()

    @classmethod
    def users(cls, ids: Iterable[int]) -> AllowedMentions:
        """These users, the first hundred."""
        return cls(user_ids=tuple(ids))

    @classmethod
    def roles(cls, ids: Iterable[int]) -> AllowedMentions:
        """These roles, the first hundred."""
        return cls(role_ids=tuple(ids))

    def to_json(self) -> dict[str, Any]:
        """The object as Discord wants it, every key explicit."""
        return {
            "parse": ["everyone"] if self.everyone else [],
            "users": [str(user_id) for user_id in self.user_ids],
            "roles": [str(role_id) for role_id in self.role_ids],
            "replied_user": self.replied_user,
        }


@attrs.frozen(kw_only=True)
class File:
    """A file to upload with a message, at most 10 MiB; an embed shows it as ``attachment://<name>``."""

    name: str = attrs.field(converter=_file_name)
    content: bytes = attrs.field(repr=False, validator=attrs.validators.max_len(FILE_SIZE))
    content_type: str = "application/octet-stream"
    description: str | None = attrs.field(default=None, converter=_file_description)

    def to_json(self, number: int) -> dict[str, Any]:
        """The attachment object for the file that is part ``files[number]`` of the form."""
        found: dict[str, Any] = {"id": str(number), "filename": self.name}
        return found | {"description": self.description} if self.description else found


def _rows(found: Iterable[Component]) -> tuple[Component, ...]:
    return tuple(found)


def _files(found: Iterable[File]) -> tuple[File, ...]:
    return tuple(found)


@attrs.frozen(kw_only=True)
class OutgoingMessage:
    """A whole message, as it shall be.

    ``reply_to`` is the message it answers, whose loss does not fail the send. ``nonce`` (at most 25
    characters) is enforced: Discord answers a repeated create with the first one's message.
    ``ephemeral`` holds for answers to interactions only. Raises ValueError when there is nothing to show.
    """

    content: str = attrs.field(default="", converter=_content)
    embeds: tuple[Embed, ...] = attrs.field(default=(), converter=fit_embeds)
    components: tuple[Component, ...] = attrs.field(
        default=(), converter=_rows, validator=attrs.validators.max_len(ROWS)
    )
    files: tuple[File, ...] = attrs.field(
        default=(), converter=_files, validator=attrs.validators.max_len(FILES)
    )
    allowed_mentions: AllowedMentions = attrs.field(factory=AllowedMentions.none)
    reply_to: int | None = None
    nonce: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.max_len(NONCE_LENGTH))
    )
    ephemeral: bool = False

    def __attrs_post_init__(self) -> None:
        if not (self.content.strip() or self.embeds or self.components or self.files):
            raise ValueError("a message needs content, an embed, a component or a file")

    def to_json(self) -> dict[str, Any]:
        """The body that creates it, also as ``data`` of an interaction response."""
        body = self._shown()
        for key in ("content", "embeds", "components"):
            if not body[key]:
                del body[key]
        if self.nonce is not None:
            body |= {"nonce": self.nonce, "enforce_nonce": True}
        if self.reply_to is not None:
            body["message_reference"] = {"message_id": str(self.reply_to), "fail_if_not_exists": False}
        if self.ephemeral:
            body["flags"] = EPHEMERAL
        return body

    def to_edit_json(self) -> dict[str, Any]:
        """The body that turns an existing message into this one: what it does not show is removed.

        Files that the message already has stay unless this one brings its own.
        """
        return self._shown()

    def _shown(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "content": self.content,
            "embeds": [embed.to_json() for embed in self.embeds],
            "components": [component.to_json() for component in self.components],
            "allowed_mentions": self.allowed_mentions.to_json(),
        }
        if self.files:
            body["attachments"] = attachments(self.files)
        return body


def attachments(files: Sequence[File]) -> list[dict[str, Any]]:
    """The ``attachments`` of a body whose form carries these files."""
    return [file.to_json(number) for number, file in enumerate(files)]
