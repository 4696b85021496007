"""Attachments: their objects in messages, and their bytes in memory (a bounded number, not saved)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alphapy.sandbox import limits
from alphapy.sandbox.errors import JSON, invalid_field

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.sandbox.world.ids import Snowflakes

FILES_KEPT = 200


@attrs.frozen
class Upload:
    """A file of a multipart request; ``number`` is the n of its field name ``files[n]``."""

    number: int
    filename: str
    content_type: str
    data: bytes


class Attachments:
    """The files of all messages by attachment id; ``base`` is the address they are served from."""

    def __init__(self, ids: Snowflakes) -> None:
        self._ids = ids
        self.base = ""
        self.files: dict[int, Upload] = {}

    def store(self, channel_id: int, uploads: Iterable[Upload], described: list[JSON] | None) -> list[JSON]:
        """Keep the files; returns the attachment objects of the message."""
        descriptions = {str(entry.get("id")): entry for entry in described or ()}
        attached = []
        for upload in uploads:
            if len(upload.data) > limits.FILE_BYTES:
                raise invalid_field(("files", upload.number), "FILE_TYPE_MAX_SIZE", "The file is too large.")
            attachment_id = self._ids.next()
            self.files[attachment_id] = upload
            while len(self.files) > FILES_KEPT:
                del self.files[next(iter(self.files))]
            url = f"{self.base}/attachments/{channel_id}/{attachment_id}/{upload.filename}"
            entry = descriptions.get(str(upload.number), {})
            attached.append(
                {
                    "id": str(attachment_id),
                    "filename": entry.get("filename") or upload.filename,
                    "size": len(upload.data),
                    "url": url,
                    "proxy_url": url,
                    "content_type": upload.content_type,
                    **({"description": entry["description"]} if entry.get("description") else {}),
                }
            )
        return attached
