"""The acts are full of assertions: have pytest explain them as it does those of tests."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.clients.acts")
