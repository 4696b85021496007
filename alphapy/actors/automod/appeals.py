"""Appeals, and undoing: a violation that was none is taken back (spec/moderation.md 5.7).

``none → pending → approved | denied``; an undo by a moderator goes straight to approved. Each transition is
one conditional update, so that two moderators cannot both decide. Taking back means: the points return, the
day's statistics count a false positive, and what still holds the member is lifted.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from alphapy.actors.automod.messages import FileAppeal, Resolve, Resolved
from alphapy.actors.automod.planning import ACT_WITHIN
from alphapy.actors.automod.reporting import evidence, inert, rule_name
from alphapy.actors.effects import moderation, verbs
from alphapy.actors.embeds import Colour
from alphapy.gateway.models.component import ActionRow, Button, ButtonStyle
from alphapy.gateway.models.outgoing import Embed, EmbedField, OutgoingMessage
from alphapy.pure.ids import ChannelId, parse_snowflake
from alphapy.pure.text import escape_markdown, safe_text
from alphapy.storage import automod as storage
from alphapy.storage import automod_mutes as mutes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.guilds import GuildCache
    from alphapy.pure.clock import Clock
    from alphapy.pure.ids import GuildId
    from alphapy.storage.automod import Logged
    from alphapy.storage.effects import Draft
    from alphapy.storage.transaction import Transaction

APPEAL_WITHIN = timedelta(days=7)
"""How long after a violation its member may appeal."""

_LIFTED = {"timeout": moderation.TIME_OUT, "ban": moderation.UNBAN}


class Appeals:
    """See the module; for one guild."""

    def __init__(self, guild_id: GuildId, guilds: GuildCache, clock: Clock) -> None:
        self._guild_id = guild_id
        self._guilds = guilds
        self._clock = clock

    async def file(
        self, tx: Transaction, asked: FileAppeal, settings: SettingsSnapshot
    ) -> tuple[str, Sequence[Draft]]:
        """File an appeal: why it is not possible, or empty; and the message to the log channel."""
        row = await storage.find(tx, self._guild_id, asked.log_id)
        if row is None or row.user_id != asked.user_id:
            return "There is nothing here that you could appeal.", ()
        if not settings.value("automod", "appeals_enabled"):
            return "This server takes no appeals at the moment.", ()
        if self._clock.now() - row.at > APPEAL_WITHIN:
            return "An appeal is possible for seven days; this was longer ago.", ()
        if not await storage.move_appeal(tx, self._guild_id, row.id, allowed=["none"], status="pending"):
            return "You have appealed this already.", ()
        appeal = {"reason": asked.reason, "filed_at": self._clock.now().isoformat()}
        context = {**row.context, "_meta": {**row.meta, "appeal": appeal}}
        await storage.write_contexts(tx, self._guild_id, {row.id: context})
        return "", self._announcement(row, asked, settings)

    def _announcement(self, row: Logged, asked: FileAppeal, settings: SettingsSnapshot) -> Sequence[Draft]:
        channel_id = settings.snowflake("automod", "log_channel_id")
        if channel_id is None:
            return ()
        fields = [
            EmbedField("Member", f"<@{row.user_id}>", True),
            EmbedField("Action", row.action_taken.upper(), True),
            EmbedField("Rule", rule_name(row), True),
            EmbedField("Their reason", safe_text(asked.reason, 1000, keep_lines=True)),
        ]
        if row.content:
            fields.append(EmbedField("Message Content", evidence(row.content)))
        buttons = (
            Button(label="Approve", style=ButtonStyle.SUCCESS, custom_id=f"am:res:{row.id}:a"),
            Button(label="Deny", style=ButtonStyle.DANGER, custom_id=f"am:res:{row.id}:d"),
        )
        embed = Embed(
            title="⚖️ Appeal",
            color=Colour.INFO,
            fields=tuple(fields),
            footer=f"Log #{row.id} · approving takes the violation back",
            timestamp=self._clock.now(),
        )
        return [
            verbs.send(
                f"appeal:{row.id}",
                ChannelId(channel_id),
                OutgoingMessage(embeds=(embed,), components=(ActionRow(buttons),)),
                deadline_at=self._clock.now() + timedelta(hours=1),
                about={"step": "appeal", "keys": []},
            )
        ]

    async def resolve(self, tx: Transaction, asked: Resolve) -> tuple[Resolved | None, Sequence[Draft]]:
        """Approve, deny or undo; None where there is no such row."""
        await storage.lock(tx, self._guild_id)
        row = await storage.find(tx, self._guild_id, asked.log_id)
        if row is None:
            return None, ()
        status = "approved" if asked.approve else "denied"
        moved = await storage.move_appeal(
            tx,
            self._guild_id,
            row.id,
            allowed=["none", "pending"] if asked.undo else ["pending"],
            status=status,
            moderator_id=asked.moderator_id,
        )
        if not moved:
            return Resolved(status=row.appeal_status, changed=False), ()
        lifted: tuple[str, ...] = ()
        drafts: list[Draft] = []
        if asked.approve:
            points = row.meta.get("points")
            await storage.give_back(
                tx,
                self._guild_id,
                row,
                rule_type=str(row.meta.get("rule_type") or ""),
                points=points if isinstance(points, int) else 0,
            )
            drafts = await self._lifting(tx, row)
            lifted = tuple(step for step in ("timeout", "ban", "mute") if _took_place(row, step))
        if row.appeal_status == "pending":
            drafts.append(self._answer(row, asked))
        return Resolved(status=status, changed=True, lifted=lifted), drafts

    async def _lifting(self, tx: Transaction, row: Logged) -> list[Draft]:
        drafts = [
            self._on_member(kind, row, f"lift:{step}", **({"until": None} if step == "timeout" else {}))
            for step, kind in _LIFTED.items()
            if _took_place(row, step)
        ]
        role_id = parse_snowflake(row.meta.get("mute_role_id"))
        if _took_place(row, "mute") and role_id is not None:
            await mutes.end(tx, self._guild_id, row.user_id, role_id)
            drafts.append(self._on_member(moderation.TAKE_ROLE, row, "lift:mute", role_id=role_id))
        return drafts

    def _on_member(self, kind: str, row: Logged, name: str, **more: Any) -> Draft:
        return moderation.on_member(
            kind,
            f"{name}:{row.id}",
            row.user_id,
            reason=f"Auto-moderation: violation #{row.id} was taken back",
            deadline_at=self._clock.now() + ACT_WITHIN,
            about={"step": "lift", "keys": []},
            **more,
        )

    def _answer(self, row: Logged, asked: Resolve) -> Draft:
        guild = self._guilds.get(self._guild_id)
        server = f"**{escape_markdown(guild.name)}**" if guild is not None else "the server"
        text = (
            f"Your appeal in {server} was approved: the violation is taken back."
            if asked.approve
            else f"Your appeal in {server} was denied."
        )
        return moderation.send_direct(
            f"answer:{row.id}",
            row.user_id,
            OutgoingMessage(content=text),
            deadline_at=self._clock.now() + timedelta(hours=1),
            about={"step": "tell", "keys": []},
        )


def _took_place(row: Logged, step: str) -> bool:
    """Whether a step was carried out, or may still be."""
    return row.steps.get(step) in {"done", "pending"}


def appeal_reason(row: Logged) -> str:
    """What the member wrote, on one line."""
    appeal = row.meta.get("appeal")
    return inert(str(appeal.get("reason") or ""), 200) if isinstance(appeal, dict) else ""
