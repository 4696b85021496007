"""Which messages are judged, and what comes of it (spec/moderation.md 5.1 and 5.2).

Keeps the members' windows, and what was judged lately: an edit is judged only where it says something new,
and by the roles that its author had. Nothing here waits, and everything may be done twice: a message that
comes again has the same verdict.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

from alphapy.gateway.events import MessageCreate, MessageUpdate
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.models.message import DEFAULT, REPLY
from alphapy.pure.automod.matchers import Subject
from alphapy.pure.automod.normalise import fold
from alphapy.pure.automod.ruleset import Match, RuleSet, Verdict
from alphapy.pure.automod.violations import MAX_CONTENT, Offence, Violation
from alphapy.pure.automod.windows import Count, Windows
from alphapy.pure.ids import ChannelId, RoleId, UserId, snowflake_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.events import Event
    from alphapy.gateway.guilds import CachedGuild
    from alphapy.gateway.models.user import Member
    from alphapy.pure.automod.rules import StoredRule

K = TypeVar("K")
V = TypeVar("V")

REMEMBERED = 5_000
"""Messages whose verdict, and authors whose roles, are remembered."""


def may_be_judged(event: Event) -> bool:
    """Whether an event can be a person's message at all, or its edit: a cheap test that needs no guild."""
    if isinstance(event, MessageCreate):
        return event.is_human and event.type in (DEFAULT, REPLY)
    return (
        isinstance(event, MessageUpdate)
        and event.content is not None
        and event.edited_timestamp is not None
        and event.author is not None
        and not event.author.bot
        and not event.author.system
        and event.webhook_id is None
        and event.type in (DEFAULT, REPLY)
    )


@attrs.frozen(kw_only=True)
class Reviewed:
    """A message that was judged, with what the books need to know of it."""

    verdict: Verdict
    event_key: str
    user_id: UserId
    channel_id: ChannelId
    message_id: int
    content: str
    text: str
    written_at: datetime
    edited: bool
    until: datetime | None

    def violates(self, match: Match) -> Violation:
        """The violation of the rule that matches."""
        return Violation(
            event_key=self.event_key,
            user_id=self.user_id,
            channel_id=self.channel_id,
            message_id=self.message_id,
            content=self.content[:MAX_CONTENT],
            written_at=self.written_at,
            edited=self.edited,
            offence=offence_of(match.rule),
            confidence=match.evidence.confidence,
            reason=match.evidence.reason,
            context=match.evidence.context,
            until=self.until,
        )


def offence_of(rule: StoredRule) -> Offence:
    """What a violation carries along of its rule, which takes part and so has a kind and an action."""
    kind, action = rule.kind, rule.action
    assert kind is not None and action is not None, "rules without take no part"  # noqa: S101, PT018
    return Offence(
        rule_id=rule.id,
        rule_name=rule.name,
        kind=kind,
        action=action,
        action_config=rule.action_config,
        severity=rule.severity,
    )


class _Recent(Generic[K, V]):
    """The last entries of a mapping."""

    def __init__(self) -> None:
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > REMEMBERED:
            self._entries.popitem(last=False)


BLANKS = 10
"""So many messages in a row without anything in them, and what members write does not reach the bot.

One alone may be a poll.
"""


class Bench:
    """Where the messages of one guild are judged."""

    def __init__(self) -> None:
        self._blanks = 0
        self._windows = Windows()
        self._judged: _Recent[int, int] = _Recent()
        self._roles: _Recent[int, tuple[RoleId, ...]] = _Recent()

    @property
    def sees_texts(self) -> bool:
        """Whether what members write reaches the bot.

        Without the message content intent Discord leaves content, attachments and embeds out of all messages
        but those that mention the bot.
        """
        return self._blanks < BLANKS

    def sweep(self, now: datetime) -> None:
        """Forget who has been silent."""
        self._windows.sweep(now.timestamp())

    def stranger(self, event: Event) -> UserId | None:
        """Whose roles have to be asked for before this is judged: a message that was read back has none."""
        if not isinstance(event, MessageCreate | MessageUpdate) or not may_be_judged(event):
            return None
        author = event.author
        if author is None or event.member is not None or self._roles.get(author.id) is not None:
            return None
        return author.id

    def learn(self, user_id: UserId, roles: tuple[RoleId, ...]) -> None:
        """These are the roles of a member."""
        self._roles.put(user_id, roles)

    def review(
        self, event: Event, rules: RuleSet, guild: CachedGuild | None, settings: SettingsSnapshot
    ) -> Reviewed | None:
        """Judge a message or an edit; None for one that is not to be judged."""
        if guild is None or not isinstance(event, MessageCreate | MessageUpdate) or not may_be_judged(event):
            return None
        author = event.author
        if author is None:
            return None
        roles = self._roles_of(author.id, event.member)
        if roles is None or _is_exempt(guild, settings, author.id, roles, event.channel_id):
            return None
        edited = isinstance(event, MessageUpdate)
        content = event.content or ""
        self._look_at(event)
        digest = hash(fold(content))
        known = self._judged.get(event.id)
        if edited and known == hash(content):
            return None
        count = None if edited else self._count(author.id, event, digest)
        subject = _subject(event, content, count)
        return Reviewed(
            verdict=rules.judge(subject),
            event_key=_event_key(event),
            user_id=author.id,
            channel_id=event.channel_id,
            message_id=event.id,
            content=content,
            text=subject.text,
            written_at=_written_at(event),
            edited=edited,
            until=event.member.communication_disabled_until if event.member is not None else None,
        )

    def settle(self, reviewed: Iterable[Reviewed]) -> None:
        """These messages are dealt with: edits that change nothing of them are not judged again."""
        for one in reviewed:
            self._judged.put(one.message_id, hash(one.content))

    def _look_at(self, event: MessageCreate | MessageUpdate) -> None:
        """Count messages that came without anything in them."""
        if isinstance(event, MessageUpdate) or event.mentions:
            return
        blank = not (event.content or event.attachments or event.embeds or event.message_snapshots)
        if not blank:
            self._blanks = 0
        elif not event.sticker_items:
            self._blanks += 1

    def _roles_of(self, user_id: int, member: Member | None) -> tuple[RoleId, ...] | None:
        """The author's roles, from the event or from their last message; None where nobody knows."""
        if member is None:
            return self._roles.get(user_id)
        self._roles.put(user_id, member.roles)
        return member.roles

    def _count(self, user_id: int, event: MessageCreate | MessageUpdate, digest: int) -> Count:
        return self._windows.note(user_id, event.id, _written_at(event).timestamp(), digest)


def _subject(event: MessageCreate | MessageUpdate, content: str, count: Count | None) -> Subject:
    forwarded = (
        tuple(snapshot.message.content for snapshot in event.message_snapshots)
        if isinstance(event, MessageCreate)
        else ()
    )
    users = {user.id for user in event.mentions or ()}
    mentions = len(users) + len(set(event.mention_roles or ()))
    return Subject(content, forwarded=forwarded, mentions=mentions, count=count)


def _is_exempt(
    guild: CachedGuild,
    settings: SettingsSnapshot,
    user_id: UserId,
    roles: tuple[RoleId, ...],
    channel_id: ChannelId,
) -> bool:
    if user_id == guild.owner_id or Permissions.ADMINISTRATOR in guild.permissions(user_id, roles):
        return True
    exempt_roles = settings.value("automod", "exempt_role_ids")
    if exempt_roles and not set(roles).isdisjoint(exempt_roles):
        return True
    exempt_channels = settings.value("automod", "exempt_channel_ids")
    if not exempt_channels:
        return False
    channel = guild.channel(channel_id)
    parent = channel.parent_id if channel is not None else None
    return channel_id in exempt_channels or parent in exempt_channels


def _written_at(event: MessageCreate | MessageUpdate) -> datetime:
    if isinstance(event, MessageCreate):
        return event.sent_at
    return event.edited_timestamp or snowflake_time(event.id)


def _event_key(event: MessageCreate | MessageUpdate) -> str:
    """Names a revision of a message: the same one for a message that comes twice."""
    if isinstance(event, MessageUpdate) and event.edited_timestamp is not None:
        return f"{event.id}:{int(event.edited_timestamp.timestamp() * 1000)}"
    return f"{event.id}:0"
