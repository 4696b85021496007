"""Changes reach whoever runs and listens, in order, and later where there was no room."""

from __future__ import annotations

from typing import Any

import attrs

from alphapy.actors.feature import Category, Feature
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.bus import Delivery
from alphapy.actors.settings.listeners import Listeners
from alphapy.actors.settings.messages import SettingsChanged
from alphapy.pure.ids import GuildId

GUILD = GuildId(7)
HERE = Address.guild(GUILD, "reminders")


def change(new: Any, key: str = "enabled", old: Any = None, scope: str = "reminders") -> SettingsChanged:
    return SettingsChanged(
        guild_id=GUILD, scope=scope, key=key, old=old, new=new, version=1, source=None, actor_id=None
    )


@attrs.define
class Mailboxes:
    """A bus, its running actors and its features, all in one."""

    room: bool = True
    runs: bool = True
    told: list[SettingsChanged] = attrs.field(factory=list)

    def tell(self, address: Address, message: Any, **_lane: Any) -> Delivery:
        assert address == HERE
        if not self.room:
            return Delivery.FULL
        self.told.append(message)
        return Delivery.ACCEPTED

    def find(self, address: Address) -> object | None:
        return self if self.runs and address == HERE else None

    def features(self) -> tuple[Feature, ...]:
        listens = Feature(
            name="reminders", category=Category("Reminders", "⏰"), listens_to=frozenset({"reminders"})
        )
        return (listens, Feature(name="faq", category=Category("FAQ", "❓")))


def listeners(boxes: Mailboxes) -> Listeners:
    return Listeners(boxes, boxes, boxes)  # type: ignore[arg-type]  # it tells and never asks


def test_a_running_listener_is_told_in_order() -> None:
    boxes = Mailboxes()
    changes = [change(1), change(2, key="default_channel_id"), change(3)]
    assert not listeners(boxes).tell(changes)
    assert boxes.told == changes


def test_other_scopes_and_actors_at_rest_are_not_told() -> None:
    boxes = Mailboxes()
    assert not listeners(boxes).tell([change(1, scope="faq")])
    boxes.runs = False
    assert not listeners(boxes).tell([change(1)])
    assert boxes.told == []


def test_a_full_mailbox_is_told_later_with_the_newest_value_of_each_key() -> None:
    boxes = Mailboxes(room=False)
    waiting = listeners(boxes)
    assert waiting.tell([change(1, old=0), change(5, key="default_channel_id")])
    assert waiting.tell([change(2, old=1)])
    assert waiting.retry()
    boxes.room = True
    assert not waiting.retry()
    assert [(c.key, c.old, c.new) for c in boxes.told] == [
        ("default_channel_id", None, 5),
        ("enabled", 0, 2),
    ]
    assert not waiting.tell([change(3, old=2)])
    assert boxes.told[-1].new == 3


def test_a_listener_that_has_gone_to_rest_is_forgotten() -> None:
    boxes = Mailboxes(room=False)
    waiting = listeners(boxes)
    waiting.tell([change(1)])
    boxes.runs, boxes.room = False, True
    assert not waiting.retry()
    assert boxes.told == []
