"""Wall times in a zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.zones import BRUSSELS, NoSuchTime, instant_of


def test_a_time_that_the_clocks_skip_does_not_exist() -> None:
    for minute in (0, 30, 59):
        with pytest.raises(NoSuchTime, match="Europe/Brussels"):
            instant_of(datetime(2026, 3, 29, 2, minute), BRUSSELS)  # noqa: DTZ001
    assert instant_of(datetime(2026, 3, 29, 3, 0), BRUSSELS).utcoffset() == timedelta(hours=2)  # noqa: DTZ001


def test_of_two_times_that_are_alike_it_is_the_first() -> None:
    for fold in (0, 1):
        wall = datetime(2026, 10, 25, 2, 30, fold=fold)  # noqa: DTZ001
        assert instant_of(wall, BRUSSELS).astimezone(UTC) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)))  # noqa: DTZ001
def test_an_instant_shows_its_wall_time(wall: datetime) -> None:
    try:
        found = instant_of(wall, BRUSSELS)
    except NoSuchTime:
        return
    assert found.astimezone(UTC).astimezone(BRUSSELS).replace(tzinfo=None) == wall.replace(fold=0)
