"""The mutation check itself: it fails where a break is not noticed, and where the source changed under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from tests.campaigns.engine import TREE
from tests.campaigns.mutations import MUTATIONS, SOURCE, Mutation, is_noticed

if TYPE_CHECKING:
    from pathlib import Path

HARMLESS = Mutation(
    name="nothing changes", file="alphapy/version.py", before="VERSION", after="VERSION", blows=()
)


@attrs.frozen
class Judged:
    """As much of a verdict as matters here."""

    passed: bool
    problems: tuple[str, ...] = ("lost",)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_every_break_still_fits_the_source(mutation: Mutation, tmp_path: Path) -> None:
    copy = tmp_path / mutation.file
    copy.parent.mkdir(parents=True)
    copy.write_text((TREE / mutation.file).read_text("utf-8"), "utf-8")
    mutation.apply(tmp_path)
    compile(copy.read_text("utf-8"), mutation.file, "exec")


def test_a_break_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("a = 1\n")
    with pytest.raises(AssertionError, match="adapt the mutation"):
        Mutation(name="x", file="x.py", before="b", after="c", blows=()).apply(tmp_path)


@pytest.mark.parametrize(
    ("as_it_is", "broken", "noticed"),
    [(True, [True, True, False], True), (True, [True, True, True], False), (False, [False], False)],
)
def test_only_a_break_that_the_campaign_notices_counts(
    tmp_path: Path, as_it_is: bool, broken: list[bool], noticed: bool
) -> None:
    tree = tmp_path / "tree"
    for name in SOURCE:
        (tree / name).mkdir(parents=True) if "." not in name else (tree / name).touch()
    (tree / HARMLESS.file).write_text("VERSION = 1\n")
    mutation = attrs.evolve(HARMLESS, before="VERSION = 1", after="VERSION = 2")
    played: list[Path] = []

    def play(source: Path, _seed: int) -> Judged:
        played.append(source)
        return Judged(as_it_is if source == tree else broken[len(played) - 2])

    found = is_noticed(mutation, tree, tmp_path, play, most=len(broken))  # type: ignore[arg-type]
    assert found is noticed
    assert (tmp_path / "broken" / HARMLESS.file).read_text() == "VERSION = 2\n"
    assert (tree / HARMLESS.file).read_text() == "VERSION = 1\n"
