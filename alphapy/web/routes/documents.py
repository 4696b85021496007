"""The legal documents that are announced, and what is said about each (spec/premium_ai.md 7.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from alphapy.gateway.models.outgoing import Embed, EmbedField

if TYPE_CHECKING:
    from collections.abc import Mapping

BLUE: Final = 0x3498DB
LEGAL_PAGES: Final = "https://docs.innersync.tech/legal"


@attrs.frozen
class Document:
    """One document: its title, one line about it, and its page."""

    title: str
    summary: str
    page: str


DOCUMENTS: Final[Mapping[str, Document]] = {
    "tos": Document(
        "Terms of Service updated",
        "The rules for using our services have changed.",
        f"{LEGAL_PAGES}/terms-of-service",
    ),
    "pp": Document(
        "Privacy Policy updated",
        "How we handle your data is described anew.",
        f"{LEGAL_PAGES}/privacy-policy",
    ),
}


def announcement(name: str, version: object) -> Embed:
    """What is posted about a document. ``version`` is its date; anything that is no text stands for none."""
    document = DOCUMENTS[name]
    dated = version.strip() if isinstance(version, str) else ""
    return Embed(
        title=f"📜 {document.title}",
        description=document.summary,
        url=document.page,
        color=BLUE,
        fields=[
            EmbedField("Effective date", dated or "See the document"),
            EmbedField("Read it here", document.page),
        ],
    )
