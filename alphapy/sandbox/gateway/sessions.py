"""Gateway sessions: a numbered, bounded log of dispatches each, from which a resume replays.

A session outlives its socket. A socket only holds a place in the log, so that sending live events and
replaying missed ones is the same act. What falls off the end of the log can no longer be resumed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import attrs
import msgspec

from alphapy.sandbox.gateway import intents
from alphapy.sandbox.world.storage import REPLACED

if TYPE_CHECKING:
    from alphapy.sandbox.errors import JSON
    from alphapy.sandbox.tuning import Tuning
    from alphapy.sandbox.world.feed import Happening
    from alphapy.sandbox.world.world import World

Payload = bytes | Callable[[], bytes]
"""Encoded JSON, or what encodes it when it is sent: ten thousand guilds are not kept in memory at once."""


@attrs.define
class GatewaySession:
    """One session of a bot. ``seq`` is the number of its newest dispatch."""

    id: str
    application_id: int
    intents: int
    shard: tuple[int, int]
    limit: int
    seq: int = 0
    oldest: int = 1
    log: dict[int, tuple[str, Payload] | None] = attrs.field(factory=dict)
    wake: Callable[[], None] | None = None
    """Wakes the socket that serves this session; None while there is none."""
    detached_at: float = 0.0
    resumed: int = 0
    """The number of the newest RESUMED; earlier ones are not replayed."""

    def append(self, name: str, payload: Payload) -> None:
        """Number a dispatch and keep it for sending and for replay."""
        self.seq += 1
        self.log[self.seq] = (name, payload)
        if len(self.log) > self.limit:
            del self.log[self.oldest]
            self.oldest += 1
        if self.wake is not None:
            self.wake()

    def resume(self, known: int) -> None:
        """Put RESUMED behind what is to be replayed; ``known`` is the newest number that the client has."""
        if known < self.resumed == self.seq:
            return  # the one that the client never saw still stands at the end
        if self.resumed in self.log:
            self.log[self.resumed] = None
        self.append("RESUMED", b'{"_trace":["sandbox"]}')
        self.resumed = self.seq

    def skips(self, seq: int) -> bool:
        """Whether this number is that of an outdated RESUMED."""
        return self.log.get(seq, self) is None

    def covers(self, seq: int) -> bool:
        """Whether everything after this number is still in the log."""
        return self.oldest - 1 <= seq <= self.seq

    def frame(self, seq: int) -> bytes | None:
        """The dispatch of this number as a gateway payload; None if it has fallen off the log."""
        entry = self.log.get(seq)
        if entry is None:
            return None
        name, payload = entry
        data = payload if isinstance(payload, bytes) else payload()
        return b'{"t":"%b","s":%d,"op":0,"d":%b}' % (name.encode(), seq, data)

    def serves(self, guild_id: int | None) -> bool:
        """Whether this shard is the one for a guild; direct messages go to shard 0."""
        number, count = self.shard
        return number == (0 if guild_id is None else (guild_id >> 22) % count)


@attrs.define
class Allowance:
    """The identifies of one application: a number per day, and one per bucket and window."""

    remaining: int
    resets_at: float
    last: dict[int, float] = attrs.field(factory=dict)


class Sessions:
    """Every session by id, fed by what happens in the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tuning: Tuning = world.tuning
        self.known: dict[str, GatewaySession] = {}
        self._allowances: dict[int, Allowance] = {}
        self._pattern: tuple[int, str, bytes] | None = None
        world.feed.listen(self._on_happening)

    def create(self, application_id: int, wanted: int, shard: tuple[int, int]) -> GatewaySession:
        """A new session."""
        self.forget_stale()
        session = GatewaySession(
            secrets.token_hex(16), application_id, wanted, shard, self._tuning.replay_limit
        )
        self.known[session.id] = session
        return session

    def find(self, session_id: object) -> GatewaySession | None:
        """A session that can still be resumed."""
        self.forget_stale()
        return self.known.get(session_id) if isinstance(session_id, str) else None

    def end(self, session: GatewaySession) -> None:
        """Forget a session for good."""
        self.known.pop(session.id, None)
        session.wake = None

    def forget_all(self) -> None:
        """Forget every session, so that none can be resumed; whoever is connected has to begin anew."""
        for session in tuple(self.known.values()):
            wake = session.wake
            self.end(session)
            if wake is not None:
                wake()

    def forget_stale(self) -> None:
        """Forget sessions that have been without a socket for too long."""
        oldest = self._world.monotonic() - self._tuning.session_lifetime
        for session in tuple(self.known.values()):
            if session.wake is None and session.detached_at < oldest:
                del self.known[session.id]

    def allowance(self, application_id: int) -> Allowance:
        """How many identifies an application has left in this window."""
        now = self._world.monotonic()
        entry = self._allowances.get(application_id)
        if entry is None or now >= entry.resets_at:
            entry = Allowance(self._tuning.session_starts, now + self._tuning.session_start_window)
            self._allowances[application_id] = entry
        return entry

    def admit(self, application_id: int, shard_id: int) -> bool:
        """Take one identify from the allowance, or say that it comes too early."""
        now = self._world.monotonic()
        entry = self.allowance(application_id)
        bucket = shard_id % self._tuning.max_concurrency
        last = entry.last.get(bucket)
        if entry.remaining <= 0 or (last is not None and now < last + self._tuning.identify_window):
            return False
        entry.last[bucket] = now
        entry.remaining -= 1
        return True

    def open_with_guilds(self, session: GatewaySession, resume_url: str) -> None:
        """Put READY and the GUILD_CREATE of each of the shard's guilds into the log of a new session."""
        guild_ids = [g for g in self._world.guilds.of_user(session.application_id) if session.serves(g)]
        session.append("READY", msgspec.json.encode(self._ready(session, guild_ids, resume_url)))
        if session.intents & intents.GUILDS:
            for guild_id in guild_ids:
                session.append("GUILD_CREATE", self._guild(session, guild_id))

    def members_chunks(self, session: GatewaySession, request: JSON) -> None:
        """Answer a request for guild members with chunks of at most a thousand."""
        asked = request.get("guild_id")
        for wanted in asked if isinstance(asked, list) else [asked]:
            if not str(wanted).isdecimal() or not self._world.guilds.is_member(
                int(str(wanted)), session.application_id
            ):
                continue
            found, missing = self._members(session, int(str(wanted)), request)
            chunks = [found[start : start + 1000] for start in range(0, len(found), 1000)] or [[]]
            for index, chunk in enumerate(chunks):
                data: JSON = {
                    "guild_id": str(wanted),
                    "members": chunk,
                    "chunk_index": index,
                    "chunk_count": len(chunks),
                }
                if missing:
                    data["not_found"] = missing
                if request.get("nonce") is not None:
                    data["nonce"] = request["nonce"]
                session.append("GUILD_MEMBERS_CHUNK", msgspec.json.encode(data))

    def _members(self, session: GatewaySession, guild_id: int, request: JSON) -> tuple[list[JSON], list[str]]:
        guild = self._world.guilds.get(guild_id)
        members = self._world.members
        if request.get("user_ids"):
            asked = request["user_ids"]
            listed = [str(user) for user in (asked if isinstance(asked, list) else [asked])]
            found = [user for user in listed if int(user) in guild.members]
            return [members.json(guild, int(user)) for user in found], sorted(set(listed) - set(found))
        text, limit = str(request.get("query") or ""), int(request.get("limit") or 0)
        if not text and not session.intents & intents.MEMBERS:
            return [], []
        return members.search(guild, text, limit or len(guild.members)), []

    def _ready(self, session: GatewaySession, guild_ids: list[int], resume_url: str) -> JSON:
        application = self._world.applications.get(session.application_id)
        return {
            "v": 10,
            "user": self._world.users.own(session.application_id),
            "guilds": [{"id": str(guild_id), "unavailable": True} for guild_id in guild_ids],
            "session_id": session.id,
            "resume_gateway_url": resume_url,
            "shard": list(session.shard),
            "application": {
                "id": str(application.id),
                "flags": self._world.applications.json(application)["flags"],
            },
            "session_type": "normal",
            "private_channels": [],
            "relationships": [],
            "presences": [],
            "user_settings": {},
            "geo_ordered_rtc_regions": [],
            "auth": {},
            "_trace": ["sandbox"],
        }

    def _guild(self, session: GatewaySession, guild_id: int) -> Callable[[], bytes]:
        def encode() -> bytes:
            if not self._world.guilds.is_member(guild_id, session.application_id):
                return msgspec.json.encode({"id": str(guild_id), "unavailable": True})
            if guild_id in self._world.guilds.idle:
                return self._idle(session.application_id, guild_id)
            everybody = bool(session.intents & intents.PRESENCES and session.intents & intents.MEMBERS)
            payload = self._world.access.create_payload(guild_id, session.application_id, everybody=everybody)
            return msgspec.json.encode(payload)

        return encode

    def _idle(self, application_id: int, guild_id: int) -> bytes:
        """The GUILD_CREATE of an idle guild, made from the first one's: they differ in id and name only."""
        guilds = self._world.guilds
        if self._pattern is None:
            payload = self._world.access.create_payload(guild_id, application_id, everybody=False)
            self._pattern = (guild_id, guilds.idle[guild_id], msgspec.json.encode(payload))
        like, name, encoded = self._pattern
        encoded = encoded.replace(b'"%d"' % like, b'"%d"' % guild_id)
        encoded = encoded.replace(b'"%d"' % (like + 1), b'"%d"' % (guild_id + 1))
        return encoded.replace(f'"{name}"'.encode(), f'"{guilds.idle[guild_id]}"'.encode())

    def _end_all(self) -> None:
        """The world is another: whoever was connected has to identify anew."""
        self._pattern = None
        for session in tuple(self.known.values()):
            wake = session.wake
            self.end(session)
            if wake is not None:
                wake()

    def _on_happening(self, happening: Happening) -> None:
        if happening.name == REPLACED:
            self._end_all()
        encoded: dict[bool, bytes] = {}
        for session in self._concerned(happening):
            hidden = intents.hides_content(session.intents, happening, session.application_id)
            if hidden not in encoded:
                data = intents.without_content(happening.data) if hidden else happening.data
                encoded[hidden] = msgspec.json.encode(data)
            session.append(happening.name, encoded[hidden])

    def _concerned(self, happening: Happening) -> Iterator[GatewaySession]:
        if not happening.gateway:
            return
        for session in tuple(self.known.values()):
            bot_id = session.application_id
            if (
                happening.application_id in {None, bot_id}
                and session.serves(happening.guild_id)
                and intents.wanted(session.intents, happening, bot_id)
                and self._world.access.may_learn(bot_id, happening)
            ):
                yield session
