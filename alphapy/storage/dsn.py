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
    if _parameters(address) is None:
        # libpq's own words may quote a part of the password, so they are not repeated.
        msg = (
            f"The database address cannot be read. It must look like {_EXAMPLE}; special characters in the "
            "password are written percent-encoded ('@' as %40, '/' as %2F, '?' as %3F), the port is a "
            "number, and each parameter after '?' must be one that libpq knows."
        )
        raise DsnError(msg)
    return address


def _parameters(address: str) -> dict[str, str] | None:
    """The parts of an address; None when it cannot be read or is not what its author meant."""
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(address).items()}
    except (psycopg.Error, UnicodeError):
        return None
    # A password that is not percent-encoded ends early; its rest lands in the host or the database's name.
    strayed = any("@" in parameters.get(part, "") for part in ("host", "dbname"))
    ports = [port for port in parameters.get("port", "").split(",") if port]
    return None if strayed or not all(port.isascii() and port.isdecimal() for port in ports) else parameters


def _without_asyncpg_options(address: str) -> str:
    parts = urlsplit(address)
    options = [("sslmode" if name == "ssl" else name, value) for name, value in parse_qsl(parts.query)]
    return urlunsplit(parts._replace(query=urlencode(options)))


def redacted(dsn: str) -> str:
    """``host:port/database``, fit for logs and messages; never the user or the password."""
    parameters = _parameters(dsn)
    if parameters is None:
        return "(unreadable address)"
    host = parameters.get("host") or parameters.get("hostaddr") or "local socket"
    port = f":{parameters['port']}" if parameters.get("port") else ""
    return f"{host}{port}/{parameters.get('dbname') or parameters.get('user') or ''}"
