"""Embeds: checked against the published limits, completed as Discord shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alphapy.sandbox import limits

if TYPE_CHECKING:
    from alphapy.sandbox.errors import JSON, Problems

_URLS = ("http://", "https://", "attachment://")


def check(problems: Problems, embeds: list[Any]) -> None:
    """Note every breach of the limits of a message's embeds."""
    problems.at_most(("embeds",), embeds, limits.EMBEDS)
    total = 0
    for number, embed in enumerate(embeds):
        path = ("embeds", number)
        if not isinstance(embed, dict):
            problems.add(path, "DICT_TYPE_CONVERT", "Must be an object.")
            continue
        total += _check_one(problems, path, embed)
    if total > limits.EMBED_TOTAL:
        problems.add(
            ("embeds",), "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {limits.EMBED_TOTAL}"
        )


def complete(embed: JSON) -> JSON:
    """The embed as it is stored: with its type."""
    stored = {key: value for key, value in embed.items() if value is not None}
    stored["type"] = "rich"
    stored["fields"] = [{"inline": False, **field} for field in embed.get("fields") or ()]
    if not stored["fields"]:
        del stored["fields"]
    return stored


def _check_one(problems: Problems, path: tuple[str | int, ...], embed: JSON) -> int:
    fields = embed.get("fields") or []
    footer = embed.get("footer") or {}
    author = embed.get("author") or {}
    texts: list[tuple[tuple[str | int, ...], object, int]] = [
        (("title",), embed.get("title"), limits.EMBED_TITLE),
        (("description",), embed.get("description"), limits.EMBED_DESCRIPTION),
        (("footer", "text"), footer.get("text"), limits.EMBED_FOOTER),
        (("author", "name"), author.get("name"), limits.EMBED_AUTHOR),
    ]
    problems.at_most((*path, "fields"), fields, limits.EMBED_FIELDS)
    for number, field in enumerate(fields):
        for key, limit in (("name", limits.EMBED_FIELD_NAME), ("value", limits.EMBED_FIELD_VALUE)):
            if not field.get(key):
                problems.required((*path, "fields", number, key))
            texts.append((("fields", number, key), field.get(key), limit))
    for where, text, limit in texts:
        problems.longest((*path, *where), text, limit)
    media = [embed.get("image"), embed.get("thumbnail")]
    if not any(text for _, text, _ in texts) and not any(media):
        problems.required((*path, "description"))
    _check_urls(problems, path, embed)
    colour = embed.get("color")
    if colour is not None and not 0 <= int(colour) <= 0xFFFFFF:
        problems.add(
            (*path, "color"), "NUMBER_TYPE_MAX", "int value should be less than or equal to 16777215."
        )
    return sum(len(str(text)) for _, text, _ in texts if text)


def _check_urls(problems: Problems, path: tuple[str | int, ...], embed: JSON) -> None:
    urls: dict[tuple[str, ...], object] = {("url",): embed.get("url")}
    for key in ("image", "thumbnail"):
        if embed.get(key):
            urls[key, "url"] = embed[key].get("url")
    for where, url in urls.items():
        if url is not None and not str(url).startswith(_URLS):
            problems.add((*path, *where), "URL_TYPE_INVALID_URL", "Not a well formed URL.")
