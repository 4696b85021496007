"""The house rules that no linter checks: sizes, documents, and marks that promise later work."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    path for folder in ("alphapy", "migrations", "bench") for path in (ROOT / folder).rglob("*.py")
)
TESTS = sorted((ROOT / "tests").rglob("*.py"))

MARK = re.compile(r"#.*\b(TO" r"DO|FIX" r"ME|XX" r"X)\b(?!.*#\d+)")

MAX_LINES = 500
MAX_FUNCTION = 60
"""Lines of a function, its signature and docstring included."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_short_and_says_what_it_is(path: Path) -> None:
    text = path.read_text()
    if path.name == "__init__.py":
        assert not text.strip(), "__init__ files stay empty"
        return
    assert ast.get_docstring(ast.parse(text)), "a module begins with what it is for"
    lines = text.count("\n")
    assert lines <= MAX_LINES, f"{lines} lines: is there a seam to cut along?"


@pytest.mark.parametrize("path", [path for path in MODULES if path.parts[-2] != "versions"], ids=name_of)
def test_functions_are_short(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            lines = node.end_lineno - node.lineno + 1
            assert lines <= MAX_FUNCTION, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=name_of)
def test_a_mark_that_promises_later_work_names_its_issue(path: Path) -> None:
    for line in path.read_text().splitlines():
        assert MARK.search(line) is None, line


def test_no_file_names_a_package_registry() -> None:
    hosts = re.compile(
        r"pypi" r"\.org|files\.python" r"hosted\.org|registry\.npm" r"js\.org|deb\.debian" r"\.org"
    )
    for path in [*MODULES, *TESTS, *ROOT.glob("requirements/*"), *ROOT.glob("*.toml"), ROOT / "Makefile"]:
        assert hosts.search(path.read_text()) is None, path
