"""``/migrate`` and ``/migrate_status``: the schema, from inside Discord (spec/operations.md 4)."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from alphapy.actors.embeds import Colour, notice
from alphapy.actors.operational_events.messages import EVENTS, EventType, RecordEvent
from alphapy.gateway.commands import Access, Choice, Command, Cooldown, Option, OptionKind
from alphapy.gateway.components import ComponentRoute
from alphapy.gateway.models.component import ActionRow, Button, ButtonStyle
from alphapy.gateway.models.outgoing import Embed, OutgoingMessage
from alphapy.gateway.refusals import AccessDenied, Refused
from alphapy.pure.text import code, code_block
from alphapy.storage import gate, migrate
from alphapy.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alphapy.actors.feature import Wiring
    from alphapy.actors.maintenance.migrator import Migrator, Ran, Standing
    from alphapy.actors.maintenance.reload import Reload
    from alphapy.gateway.invocation import Invocation

log = logging.getLogger("alphapy.actors.maintenance")

CONFIRM_WITHIN: Final = 60
"""Seconds that the confirmation of a downgrade is good for."""

SHOWN: Final = 1900
"""Characters of a migration's output."""

_AWAY: Final = "The database does not answer right now. Please try again in a moment."
_BUSY: Final = "The schema is being changed already. Please wait for that to end."
_COOLDOWN: Final = Cooldown(per_seconds=10, bucket="migrate")
_ACTIONS: Final = {
    "status": "Show where the schema stands",
    "upgrade": "Bring it up to this version",
    "downgrade": "Take it one revision back",
    "history": "List the revisions",
}


class Migrations:
    """The handlers."""

    def __init__(self, wiring: Wiring, migrator: Migrator, reload: Reload) -> None:
        self._wiring = wiring
        self._migrator = migrator
        self._reload = reload
        self._is_busy = False
        self.confirm = ComponentRoute(
            pattern="ops:mig:down:<user:int>:<expires:int>",
            handler=self._downgrade,
            access=Access.OWNER,
            only_for="user",
            expires="expires",
        )
        self.cancel = ComponentRoute(
            pattern="ops:mig:cancel:<user:int>", handler=self._give_up, only_for="user"
        )

    def commands(self) -> tuple[Command, ...]:
        """The declarations."""
        choices = tuple(Choice(name=words, value=action) for action, words in _ACTIONS.items())
        return (
            Command(
                name="migrate",
                description="Look at the database's schema, or change it",
                handler=self._migrate,
                options=(
                    Option(
                        kind=OptionKind.STRING,
                        name="action",
                        description="What to do (default: show where the schema stands)",
                        choices=choices,
                    ),
                ),
                access=Access.ADMIN,
                cooldown=_COOLDOWN,
            ),
            Command(
                name="migrate_status",
                description="Show where the database's schema stands",
                handler=self._status,
                access=Access.ADMIN,
                cooldown=_COOLDOWN,
            ),
        )

    async def _migrate(self, invocation: Invocation) -> None:
        action = invocation.options.text("action", "status")
        if action in ("upgrade", "downgrade") and not invocation.is_owner:
            raise AccessDenied(Access.OWNER)
        match action:
            case "upgrade":
                await self._upgrade(invocation)
            case "downgrade":
                await self._ask_to_confirm(invocation)
            case "history":
                await self._history(invocation)
            case _:
                await self._status(invocation)

    # -- looking

    async def _status(self, invocation: Invocation) -> None:
        await invocation.defer()
        standing = await self._standing()
        lines = [
            f"Current: {standing.current or 'none'}",
            f"Newest:  {standing.head}",
            f"Pending: {standing.pending}",
        ]
        if standing.drift:
            lines += ["", standing.drift]
        await invocation.reply(_block("The database's schema", "\n".join(lines)))

    async def _history(self, invocation: Invocation) -> None:
        await invocation.defer()
        standing = await self._standing()
        lines = [
            f"{'→' if revision == standing.current else ' '} {revision}"
            for revision in reversed(migrate.revisions())
        ]
        await invocation.reply(_block("The revisions, newest first", "\n".join(lines)))

    async def _standing(self) -> Standing:
        try:
            return await self._migrator.standing()
        except migrate.MigrationError as error:
            log.warning(
                "the schema could not be looked at",
                extra={"event": "schema_unread", "error": self._migrator.shown(str(error))},
            )
            raise Refused(_AWAY, "database away") from error

    # -- changing

    async def _upgrade(self, invocation: Invocation) -> None:
        with self._alone():
            await invocation.defer()
            before = await self._standing()
            if not before.pending:
                text = f"The schema is at {code(before.head)}."
                await invocation.reply(notice(Colour.INFO, "There is nothing to do", text))
                return
            if before.is_locked:
                raise Refused(_BUSY, "busy")
            text = (
                f"It is at {code(str(before.current))}. This may take some minutes; the bot goes on working."
            )
            await invocation.reply(notice(Colour.WARNING, "The schema is being upgraded …", text))
            ran = await self._migrator.upgrade()
            await self._conclude(invocation, ran, before, "migrate_upgrade")
            report = await self._report(ran, "The schema is upgraded", "The upgrade failed")
            await invocation.revise(report)

    async def _ask_to_confirm(self, invocation: Invocation) -> None:
        await invocation.defer()
        standing = await self._standing()
        user = int(invocation.user_id)
        expires = int(self._wiring.clock.now().timestamp()) + CONFIRM_WITHIN
        buttons = (
            Button(
                label="Take it one revision back",
                style=ButtonStyle.DANGER,
                custom_id=self.confirm.custom_id(user=user, expires=expires),
            ),
            Button(label="Cancel", custom_id=self.cancel.custom_id(user=user)),
        )
        embed = Embed(
            title="Take the schema one revision back?",
            description=f"It is at {code(str(standing.current))}. This version of the bot needs "
            f"{code(standing.head)} and may not work without it. Nothing that holds data is dropped: such a "
            f"step is refused. This question is good for {CONFIRM_WITHIN} seconds.",
            color=Colour.WARNING,
        )
        await invocation.reply(OutgoingMessage(embeds=(embed,), components=(ActionRow(buttons),)))

    async def _give_up(self, invocation: Invocation) -> None:
        await invocation.update(notice(Colour.INFO, "Nothing was changed"))

    async def _downgrade(self, invocation: Invocation) -> None:
        with self._alone():
            await invocation.defer()
            before = await self._standing()
            if before.is_locked:
                raise Refused(_BUSY, "busy")
            await invocation.update(notice(Colour.WARNING, "The schema is being taken one revision back …"))
            ran = await self._migrator.downgrade()
            await self._conclude(invocation, ran, before, "migrate_downgrade")
            report = await self._report(
                ran, "The schema is one revision back", "The step was refused, or failed"
            )
            await invocation.update(report)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One change at a time; raises Refused for another one."""
        if self._is_busy:
            raise Refused(_BUSY, "busy")
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False

    async def _conclude(self, invocation: Invocation, ran: Ran, before: Standing, action: str) -> None:
        """Note what was done, and have everything begin anew on the schema as it is now."""
        log.log(
            logging.INFO if ran.succeeded else logging.ERROR,
            "a migration has ended",
            extra={"event": action, "succeeded": ran.succeeded, "output": ran.output},
        )
        self._wiring.bus.tell(
            EVENTS,
            RecordEvent(
                event_type=EventType.SETTINGS_CHANGED.value,
                message="The database's schema was changed" if ran.succeeded else "A migration failed",
                details={
                    "action": action,
                    "from": before.current,
                    "succeeded": ran.succeeded,
                    "updated_by": str(invocation.user_id),
                    "source": "command",
                },
            ),
        )
        if ran.succeeded:
            await self._reload.restart(self._wiring.catalogue.features())

    async def _report(self, ran: Ran, done: str, failed: str) -> OutgoingMessage:
        """What came of it, with the verdict of the schema gate where the schema was changed."""
        lines = [ran.output]
        if ran.succeeded:
            try:
                await gate.inspect(
                    self._wiring.dsn.reveal(),
                    allow_schema_drift=self._wiring.config.allow_schema_drift,
                    attempts=1,
                )
            except StorageError as error:
                lines.append(self._migrator.shown(str(error)))
        return _block(done if ran.succeeded else failed, "\n".join(lines), ran.succeeded)


def _block(title: str, text: str, good: bool = True) -> OutgoingMessage:
    colour = Colour.STATUS if good else Colour.ERROR
    return notice(colour, title, code_block(text.replace("`", "ˋ"), SHOWN))
