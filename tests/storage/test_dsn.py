"""The spellings of a database address, and what may be shown of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from alphapy.storage.dsn import SCHEMES, normalise, redacted
from alphapy.storage.errors import DsnError


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_accepted_scheme_becomes_one(scheme: str) -> None:
    assert normalise(f" {scheme}://u:p@db.example:5433/alpha \n") == "postgresql://u:p@db.example:5433/alpha"


def test_asyncpgs_ssl_parameter_becomes_libpqs() -> None:
    address = normalise("postgresql+asyncpg://u:p@db.example/alpha?ssl=require")
    assert conninfo_to_dict(address)["sslmode"] == "require"


@pytest.mark.parametrize(
    "dsn",
    ["", "alpha", "mysql://u:p@h/d", "postgresql//u:p@h/d", "postgresql://u:hunter2@h:port/d?nonsense=1"],
)
def test_an_unreadable_address_is_refused_without_its_password(dsn: str) -> None:
    with pytest.raises(DsnError) as refusal:
        normalise(dsn)
    assert "hunter2" not in str(refusal.value)
    assert "postgresql://user:password@host" in str(refusal.value)


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=8, max_size=20))
def test_no_text_about_an_address_contains_its_password(password: str) -> None:
    dsn = f"postgres://alphapy:{password}@db.example:5432/alpha"
    try:
        shown = redacted(normalise(dsn))
    except DsnError as error:
        shown = str(error)
    assert password not in shown


def test_what_is_shown() -> None:
    assert redacted("postgresql://u:secret@db.example:5433/alpha") == "db.example:5433/alpha"
    assert redacted("postgresql://u:secret@/alpha?host=%2Frun%2Fpg") == "/run/pg/alpha"
    assert redacted("postgresql://u@/") == "local socket/u"
    assert redacted("postgresql://u:secret@h:port/alpha") == "(unreadable address)"
