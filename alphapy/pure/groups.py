"""Looking into exception groups, which nurseries raise whatever went wrong."""

from __future__ import annotations


def leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """Every exception in a group of groups, in order; of those with the same text only the first."""
    found: dict[str, BaseException] = {}
    for error in group.exceptions:
        for leaf in leaves(error) if isinstance(error, BaseExceptionGroup) else [error]:
            found.setdefault(f"{type(leaf).__name__}: {leaf}", leaf)
    return list(found.values())
