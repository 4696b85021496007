"""What a backup says about itself: the file that makes a folder a backup (spec/schema.md 5.5).

A backup is a folder ``backup_<UTC time>`` with one compressed file for each table (``COPY``'s text form,
readable with ``zcat``), ``schema.sql`` for people, ``schema.json`` for the restore, and ``manifest.json``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import attrs
import cattrs
from cattrs.preconf.json import make_converter

from alphapy.storage.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from alphapy.storage.backup.shape import Shape

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SCHEMA: Final = "schema.json"
SCHEMA_SQL: Final = "schema.sql"
NAME: Final = re.compile(r"backup_(\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}Z)")
PARTIAL: Final = ".partial"
"""Ends the name of a folder that is not complete yet."""

_FILE: Final = re.compile(r"[A-Za-z0-9_.-]+")
_CHUNK: Final = 1 << 20


class BackupError(StorageError):
    """The backup or the restore failed; the text says why. Nothing was left that passes for complete."""

    exit_code = 1


class RestoreRefused(BackupError):
    """The target is not empty; nothing was changed."""

    exit_code = 3


@attrs.frozen(kw_only=True)
class TableEntry:
    """One table: how many rows its file holds, and the SHA-256 of the file. Excluded tables have no file."""

    rows: int
    sha256: str | None
    excluded: bool
    file: str | None
    columns: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Manifest:
    """The whole backup. ``revision`` is None for a database that was never stamped."""

    format: int
    created_at: datetime
    product_version: str
    revision: str | None
    server_version: str
    tables: Mapping[str, TableEntry]
    files: Mapping[str, str]
    """SHA-256 of the files that describe the schema."""

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(entry.rows for entry in self.tables.values())


def _converter() -> cattrs.Converter:
    converter = make_converter(forbid_extra_keys=False)
    converter.register_unstructure_hook(datetime, lambda value: value.astimezone(UTC).isoformat())
    converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))
    return converter


def folder_name(instant: datetime) -> str:
    """The name of a backup that was taken at an instant."""
    return f"backup_{instant.astimezone(UTC):%Y-%m-%dT%H-%M-%SZ}"


def taken_at(folder: Path) -> datetime | None:
    """When a backup was taken, by its folder's name; None for any other folder."""
    found = NAME.fullmatch(folder.name.removesuffix(PARTIAL))
    return None if found is None else datetime.strptime(found[1], "%Y-%m-%dT%H-%M-%SZ").replace(tzinfo=UTC)


def dump_manifest(manifest: Manifest) -> bytes:
    """The manifest as it is stored."""
    return (json.dumps(_converter().unstructure(manifest), indent=1) + "\n").encode()


def dump_shape(shape: Shape) -> bytes:
    """The schema as it is stored."""
    return (json.dumps(_converter().unstructure(shape), indent=1) + "\n").encode()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a complete backup; raises :class:`BackupError` for whatever else the folder is."""
    if folder.name.endswith(PARTIAL):
        raise BackupError(f"{folder} is a backup that was never completed.")
    try:
        found = json.loads((folder / MANIFEST).read_bytes())
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise BackupError(f"{folder} is a backup of a format that this version of Alphapy does not know.")
        manifest = _converter().structure(found, Manifest)
    except FileNotFoundError:
        raise BackupError(f"{folder} is not a backup: it has no {MANIFEST}.") from None
    except OSError as error:
        raise BackupError(f"{folder} cannot be read: {error.strerror}.") from error
    except (ValueError, cattrs.BaseValidationError) as error:
        raise BackupError(f"{folder / MANIFEST} cannot be understood: it is damaged.") from error
    for name in (*manifest.files, *(entry.file for entry in manifest.tables.values() if entry.file)):
        if not _FILE.fullmatch(name):
            raise BackupError(f"{folder / MANIFEST} names a file outside the backup: it was tampered with.")
    return manifest


def read_shape(folder: Path, kind: type[Shape]) -> Shape:
    """The schema that a backup describes; its hash has been checked before."""
    try:
        return _converter().structure(json.loads((folder / SCHEMA).read_bytes()), kind)
    except (OSError, ValueError, cattrs.BaseValidationError) as error:
        raise BackupError(f"{folder / SCHEMA} cannot be understood: it is damaged.") from error


def verify(folder: Path, manifest: Manifest) -> None:
    """Compare every file with its hash; raises :class:`BackupError` naming those that differ."""
    expected = {**manifest.files}
    expected |= {
        entry.file: entry.sha256 for entry in manifest.tables.values() if entry.file and entry.sha256
    }
    damaged = [name for name, digest in expected.items() if _sha256(folder / name) != digest]
    if SCHEMA not in expected or damaged:
        raise BackupError(
            f"The backup is damaged: {', '.join(sorted(damaged)) or SCHEMA} is not what it was."
        )


def _sha256(path: Path) -> str | None:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()
