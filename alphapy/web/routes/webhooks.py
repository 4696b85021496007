"""The webhooks that other services send (spec/api.md 7.9): each is signed, and each may come again.

``premium-invalidate``, ``app-reflections``, ``revoke-reflection`` and ``supabase/auth`` come with the
features that they are about.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs
from typing_extensions import TypedDict

from alphapy.actors.webhooks.messages import INTAKE, SendDirect
from alphapy.gateway.models.outgoing import OutgoingMessage
from alphapy.pure.ids import UserId
from alphapy.storage import links
from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable
from alphapy.storage.links import Linking
from alphapy.web.auth.caller import Access
from alphapy.web.auth.tokens import read_subject
from alphapy.web.errors import ApiError
from alphapy.web.messenger import DOWN, Messenger
from alphapy.web.receipts import Receipts
from alphapy.web.routes.documents import DOCUMENTS, announcement
from alphapy.web.routing.fields import Snow
from alphapy.web.routing.route import Call, Reply, Route

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from alphapy.pure.ids import ChannelId
    from alphapy.web.auth.identity import IdentityCounts
    from alphapy.web.messenger import Outbox
    from alphapy.web.sources import Sources

COMPONENT: Final = "web"
TAG: Final = "Webhooks"

FOUNDER: Final = "/webhooks/founder"
LEGAL: Final = "/webhooks/legal-update"
LINK: Final = "/webhooks/discord-link"

_APP: Final = "APP_REFLECTIONS_WEBHOOK_SECRET"
_SUPABASE: Final = "SUPABASE_WEBHOOK_SECRET"
SECRETS: Final[Mapping[str, tuple[str, ...]]] = {
    FOUNDER: ("FOUNDER_WEBHOOK_SECRET", _APP, _SUPABASE),
    LEGAL: ("LEGAL_UPDATE_WEBHOOK_SECRET", _APP),
    LINK: ("DISCORD_LINK_WEBHOOK_SECRET", _APP, _SUPABASE),
}
"""The variables of each webhook's secret; the first that is set counts."""

LONGEST_MESSAGE: Final = 2000
"""Characters of a direct message."""

LONGEST_SOURCE: Final = 64
"""Characters of the source of a link."""

WELCOME: Final = (
    "**Welcome, founder!** 🎉\n\n"
    "You are one of the first to back Innersync, and that means a lot to us. Your founder access is active; "
    "there is nothing more that you need to do. If you have a question or an idea, just tell us: founders "
    "are heard first."
)
LINKED: Final = (
    "🔗 Your Discord account is now linked to your Innersync account. If that was not you, undo it in the "
    "Innersync app."
)
UNLINKED: Final = (
    "Your Discord account is no longer linked to your Innersync account. You can link it again at any time."
)


@attrs.frozen(kw_only=True)
class FounderBody:
    """Who became a founder, and what to tell them; without a text, they are welcomed in ours."""

    user_id: Snow
    message: Any = None


@attrs.frozen(kw_only=True)
class LegalBody:
    """Which legal documents have changed (``tos``, ``pp``), and in which version each is now."""

    documents: list[str]
    tos_version: Any = None
    pp_version: Any = None


@attrs.frozen(kw_only=True)
class LinkBody:
    """Which accounts belong together, or no longer do. Linking needs ``innersync_user_id``, a UUID."""

    discord_user_id: Snow
    event: Literal["link", "unlink"] | None = None
    innersync_user_id: str | None = None
    link_source: Any = None


class FounderAnswer(TypedDict):
    """The message is there."""

    status: str
    user_id: Snow


class LegalAnswer(TypedDict, total=False):
    """``acknowledged`` with what was posted, or ``skipped`` with the reason."""

    status: str
    sent: str
    reason: str


class LinkAnswer(TypedDict):
    """``ok``, or ``noop`` where nothing had to be changed."""

    status: str
    discord_user_id: Snow


class Webhooks:
    """The handlers."""

    def __init__(self, sources: Sources, counts: IdentityCounts) -> None:
        self._sources = sources
        self._counts = counts
        self._outbox: Outbox = sources.outbox
        self._messenger = Messenger(sources.outbox)
        self._receipts = Receipts(sources.pool, sources.clock)

    async def founder(self, call: Call) -> Reply:
        """Welcome a founder, once for each delivery."""
        body: FounderBody = call.body
        given = body.message.strip() if isinstance(body.message, str) else ""
        if len(given) > LONGEST_MESSAGE:
            raise _bad(f"message: at most {LONGEST_MESSAGE} characters.")
        message = OutgoingMessage(content=given or WELCOME)
        digest = hashlib.sha256(call.raw).digest()

        async def welcome(since: datetime | None) -> None:
            self._check_bot()
            await self._messenger.to_user(UserId(body.user_id), message, digest, since)

        await self._receipts.once("founder", call.raw, welcome)
        return Reply(body=FounderAnswer(status="acknowledged", user_id=body.user_id))

    async def legal_update(self, call: Call) -> Reply:
        """Tell the main guild about changed documents, once for each delivery."""
        body: LegalBody = call.body
        if not body.documents:
            raise _bad("documents: name at least one.")
        guild_id = self._outbox.main_guild_id
        if guild_id is None:
            return _skipped("MAIN_GUILD_ID is not set")
        self._check_bot()
        channel_id = self._outbox.legal_channel_id or self._outbox.log_channel(guild_id)
        if channel_id is None:
            return _skipped("no channel for legal updates is set")
        guild = self._outbox.guilds.get(guild_id)
        if guild is None or guild.channel(channel_id) is None:
            return _skipped("the channel for legal updates is not in the main server")
        known = [name for name in dict.fromkeys(body.documents) if name in DOCUMENTS]
        if known and not await self._announce(channel_id, known, body, call.raw):
            known = []
        sent = ", ".join(known) or "none"
        return Reply(body=LegalAnswer(status="acknowledged", sent=sent))

    async def _announce(self, channel_id: ChannelId, known: list[str], body: LegalBody, raw: bytes) -> bool:
        """Post about these documents; False where Discord refuses it."""
        versions = {"tos": body.tos_version, "pp": body.pp_version}
        message = OutgoingMessage(embeds=[announcement(name, versions[name]) for name in known])
        digest = hashlib.sha256(raw).digest()

        async def post(since: datetime | None) -> None:
            await self._messenger.to_channel(channel_id, message, digest, since)

        try:
            await self._receipts.once("legal-update", raw, post)
        except ApiError as error:
            if error.status != 502:
                raise
            return False
        return True

    async def discord_link(self, call: Call) -> Reply:
        """Link two accounts, or undo it; what is so already is no error."""
        try:
            reply = await self._link(call)
        except (DatabaseUnavailable, DatabaseBusy):
            self._counts.undelivered += 1
            raise
        except ApiError as error:
            self._counts.conflicts += error.code == "link_conflict"
            raise
        self._counts.deliveries += 1
        return reply

    async def _link(self, call: Call) -> Reply:
        body: LinkBody = call.body
        innersync_id = None
        if (
            body.innersync_user_id is not None
            and (innersync_id := read_subject(body.innersync_user_id)) is None
        ):
            raise _bad("innersync_user_id: this must be a UUID.")
        discord_id = UserId(body.discord_user_id)
        if body.event == "unlink":
            done = await self._sources.pool.run(
                COMPONENT, lambda tx: links.unlink(tx, discord_id, innersync_id), idempotent=True
            )
            text = UNLINKED
        else:
            if innersync_id is None:
                raise _bad("innersync_user_id: this is required.")
            account, source = innersync_id, _source(body.link_source)
            outcome = await self._sources.pool.run(
                COMPONENT, lambda tx: links.link(tx, account, discord_id, source), idempotent=True
            )
            if outcome is Linking.TAKEN:
                raise ApiError(409, "link_conflict", "One of the two accounts is linked to another one.")
            done, text = outcome is Linking.LINKED, LINKED
        if done:
            told = SendDirect(user_id=discord_id, content=text, key=call.request_id)
            self._sources.bus.tell(INTAKE, told)
        return Reply(body=LinkAnswer(status="ok" if done else "noop", discord_user_id=body.discord_user_id))

    def _check_bot(self) -> None:
        if not self._sources.gateway_ready():
            raise ApiError(503, "bot_unavailable", DOWN)


def routes(sources: Sources, counts: IdentityCounts) -> tuple[Route, ...]:
    """The webhooks; ``counts`` is told what becomes of links."""
    hooks = Webhooks(sources, counts)
    return (
        Route(
            method="POST",
            path=FOUNDER,
            handler=hooks.founder,
            access=Access.HOOK,
            secrets=SECRETS[FOUNDER],
            summary="Welcome a founder by direct message",
            tag=TAG,
            body=FounderBody,
            answer=FounderAnswer,
            errors=("dm_failed", "bot_unavailable", "db_unavailable"),
        ),
        Route(
            method="POST",
            path=LEGAL,
            handler=hooks.legal_update,
            access=Access.HOOK,
            secrets=SECRETS[LEGAL],
            summary="Announce changed legal documents in the main server",
            tag=TAG,
            body=LegalBody,
            answer=LegalAnswer,
            errors=("bot_unavailable", "db_unavailable"),
        ),
        Route(
            method="POST",
            path=LINK,
            handler=hooks.discord_link,
            access=Access.HOOK,
            secrets=SECRETS[LINK],
            summary="Link or unlink a Discord and an Innersync account",
            tag=TAG,
            body=LinkBody,
            answer=LinkAnswer,
            errors=("link_conflict", "db_unavailable"),
        ),
    )


def _source(given: object) -> str:
    """Where a link comes from, as it is stored."""
    text = "webhook" if given is None else str(given)
    if len(text) > LONGEST_SOURCE:
        raise _bad(f"link_source: at most {LONGEST_SOURCE} characters.")
    return text


def _skipped(reason: str) -> Reply:
    return Reply(body=LegalAnswer(status="skipped", reason=reason))


def _bad(detail: str) -> ApiError:
    return ApiError(400, "bad_payload", detail)
