"""What is asked of settings is understood as a whole or refused as a whole, whatever it is."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alphapy.actors.settings.definitions import registry as setting_registry
from alphapy.actors.settings.messages import NotSaved, RefusalKind, SaveScope
from alphapy.actors.settings.snapshot import SettingsSnapshot
from alphapy.actors.settings.wishes import of_history, of_scope
from alphapy.gateway.events import decode
from alphapy.gateway.guilds import GuildCache
from alphapy.storage.settings import HistoryEntry
from tests.actors.settings.test_actor import GUILD, GUILD_CREATE

REGISTRY = setting_registry()
SNAPSHOT = SettingsSnapshot(GUILD, REGISTRY, {}, version=1, loaded_at=0.0)
CACHE = GuildCache()
CACHE.apply(decode("GUILD_CREATE", GUILD_CREATE))
HOME = CACHE.get(GUILD)

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "0", "300", "301", 300, 201, "true", "verbose", 0.7, "60", " 5 "]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("id"), inner, max_size=3)
    ),
    max_leaves=5,
)
SCOPES = st.sampled_from(REGISTRY.scopes())


@st.composite
def requests(draw: st.DrawFn) -> SaveScope:
    scope = draw(SCOPES)
    keys = st.sampled_from([definition.key for definition in REGISTRY.scope(scope)]) | st.text(max_size=3)
    values = draw(st.dictionaries(keys, VALUES, max_size=6))
    return SaveScope(scope=scope, values=values, replace=draw(st.booleans()), actor_id=9)


@given(requests())
def test_every_request_is_understood_whole_or_refused_whole(request: SaveScope) -> None:
    found = of_scope(request, SNAPSHOT, HOME)
    if isinstance(found, NotSaved):
        assert found.name.partition(".")[2] in request.values
        assert bool(found.expected) is (found.kind is RefusalKind.BAD_VALUE)
        return
    names = [wish.definition.key for wish in found]
    assert names == sorted(set(names))
    assert set(request.values) <= {definition.key for definition in REGISTRY.scope(request.scope)}
    for wish in found:
        json.dumps(wish.write.value, allow_nan=False).encode()
        assert not wish.definition.managed
        if wish.write.value is not None:
            assert wish.definition.canonical(wish.write.value) == wish.write.value
            wish.definition.read(wish.write.value)


@given(st.sampled_from(["created", "updated", "deleted", "rollback"]), requests(), VALUES)
def test_going_back_never_writes_what_may_not_be_written(change: str, request: SaveScope, old: Any) -> None:
    key = next(iter(request.values), "enabled")
    entry = HistoryEntry(
        id=1,
        scope=request.scope,
        key=key,
        old_value=old,
        new_value=None,
        value_type=None,
        changed_by=None,
        changed_at=None,
        change_type=change,
    )
    found = of_history(entry, SNAPSHOT, HOME)
    if isinstance(found, NotSaved):
        return
    assert change == "updated"
    assert found.write.is_rollback
    assert found.write.value is not None
    assert found.definition.canonical(found.write.value) == found.write.value


def test_a_guild_links_few_badges_of_its_own_to_roles() -> None:
    assert HOME is not None
    role = next(role.id for role in HOME.roles.values() if role.id != int(GUILD) and not role.managed)
    stored = {("engagement", f"badge_role_b{number}"): role for number in range(19)}
    snapshot = SettingsSnapshot(GUILD, REGISTRY, stored, version=1, loaded_at=0.0)

    def asked(*names: str, replace: bool = False) -> SaveScope:
        values = {f"badge_role_{name}": str(role) for name in names}
        return SaveScope(scope="engagement", values=values, replace=replace, actor_id=9)

    found = of_scope(asked("b1", "more"), snapshot, HOME)
    assert not isinstance(found, NotSaved)
    assert [wish.definition.key for wish in found] == ["badge_role_b1", "badge_role_more"]
    crowded = of_scope(asked("more", "still-more"), snapshot, HOME)
    assert isinstance(crowded, NotSaved)
    assert crowded.expected == "one of at most 20 such settings"
    assert isinstance(of_scope(asked("Not a key"), snapshot, HOME), NotSaved)
    replaced = of_scope(asked("winner", replace=True), snapshot, HOME)
    assert not isinstance(replaced, NotSaved)
    cleared = {wish.definition.key for wish in replaced if wish.write.value is None}
    assert {f"badge_role_b{number}" for number in range(19)} <= cleared
