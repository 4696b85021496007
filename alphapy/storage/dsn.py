"""The database address: one spelling out of the accepted ones, and a form that is safe to show."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from alphapy.storage.errors import DsnError

SCHEMES = ("postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg")
"""Accepted in ``DATABASE_URL`` (spec/schema.md section 3)."""

_EXAMPLE = "postgresql://user:password@host:5432/database"


def normalise(dsn: str) -> str:
    """The address as ``postgresql://…``, which both libpq and SQLAlchemy's dialects can be given.

    ``ssl=…``, which asyncpg understands, becomes libpq's ``sslmode=…``. Raises :class:`DsnError`.
    """
    scheme, found, rest = dsn.strip().partition("://")
    if not found or scheme.lower() not in SCHEMES:
        msg = f"The database address must look like {_EXAMPLE}; it begins with none of: {', '.join(SCHEMES)}."
        raise DsnError(msg)
    address = f"postgresql://{rest}"
    if scheme.lower() == "postgresql+asyncpg":
        address = _without_asyncpg_options(address)
    try:
        conninfo_to_dict(address)
    except (psycopg.Error, UnicodeError):
        # libpq's own words may quote a part of the password, so they are not repeated.
        msg = (
            f"The database address cannot be read. It must look like {_EXAMPLE}; special characters in the "
            "password are written percent-encoded ('@' as %40, '/' as %2F, '#' as %23), and each parameter "
            "after '?' must be one that libpq knows."
        )
        raise DsnError(msg) from None
    return address


def _without_asyncpg_options(address: str) -> str:
    parts = urlsplit(address)
    options = [("sslmode" if name == "ssl" else name, value) for name, value in parse_qsl(parts.query)]
    return urlunsplit(parts._replace(query=urlencode(options)))


def redacted(dsn: str) -> str:
    """``host:port/database``, fit for logs and messages; never the user or the password."""
    try:
        parameters = conninfo_to_dict(dsn)
    except psycopg.Error:
        return "(unreadable address)"
    host = parameters.get("host") or parameters.get("hostaddr") or "local socket"
    port = f":{parameters['port']}" if parameters.get("port") else ""
    return f"{host}{port}/{parameters.get('dbname') or parameters.get('user') or ''}"
