"""Connections for reading or changing the schema, with limits of their own."""

from __future__ import annotations

from typing import Any

import psycopg

from alphapy.storage.dsn import normalise, redacted
from alphapy.storage.errors import DatabaseUnavailable, DsnError
from alphapy.storage.evolution.errors import MigrationError

CONNECT_SECONDS = 5

LOCK_KEY = int.from_bytes(b"alphapy")
"""The migration lock: an advisory lock's key; every version uses the same."""

LOCK_TIMEOUT = b"SET lock_timeout = '10s'"
"""A revision that waits for a lock makes everyone else wait behind it, so it gives up soon."""

_SESSION = b"""
    SET TimeZone = 'UTC'; SET search_path = public; SET application_name = 'alphapy:migrator';
    SET statement_timeout = '15min'; SET idle_in_transaction_session_timeout = '15min';
"""


def open_connection(dsn: str) -> psycopg.Connection[Any]:
    """A connection for reading or changing the schema, without transactions until it is told otherwise.

    Raises :class:`DsnError` or :class:`DatabaseUnavailable`.
    """
    try:
        connection = psycopg.connect(normalise(dsn), connect_timeout=CONNECT_SECONDS, autocommit=True)
        try:
            connection.execute(_SESSION + LOCK_TIMEOUT)
        except BaseException:
            connection.close()
            raise
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(redacted(dsn), str(error).strip()) from error
    return connection


def connect(dsn: str) -> psycopg.Connection[Any]:
    """As :func:`open_connection`, for commands: what goes wrong is a MigrationError."""
    try:
        return open_connection(dsn)
    except (DsnError, DatabaseUnavailable) as error:
        raise MigrationError(str(error)) from error
