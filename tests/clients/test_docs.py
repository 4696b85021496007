"""docs/sandbox.md says what is so: its code runs, its troubles exist."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

from alphapy.sandbox.page import trouble

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "sandbox.md").read_text()
SECTION = re.search(r"## Make trouble\n(.*?)\n## ", TEXT, re.DOTALL)


def test_its_python_is_python_and_what_it_imports_is_there() -> None:
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        tree = ast.parse(block)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("alphapy"):
                module = importlib.import_module(str(node.module))
                assert all(hasattr(module, alias.name) for alias in node.names), node.module


def test_it_names_every_trouble_and_no_other() -> None:
    assert SECTION is not None
    table = "".join(line for line in SECTION[1].splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", table)) == {*trouble.GATEWAY, *trouble.REST, "close"}
