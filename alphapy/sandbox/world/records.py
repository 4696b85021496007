"""Fresh Discord objects: guild, member, role, channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alphapy.sandbox.errors import JSON

GUILD_TEXT = 0
DIRECT = 1
VOICE = 2
CATEGORY = 4
STAGE = 13
FORUM = 15


def new_member(joined_at: str) -> JSON:
    """A member object without roles, and without its user."""
    return {
        "nick": None,
        "avatar": None,
        "banner": None,
        "roles": [],
        "joined_at": joined_at,
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "communication_disabled_until": None,
    }


def new_role(role_id: int, name: str, rights: int, position: int) -> JSON:
    """A role object."""
    return {
        "id": str(role_id),
        "name": name,
        "permissions": str(rights),
        "position": position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": False,
        "mentionable": False,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }


def text_channel(channel_id: int, guild_id: int, name: str, position: int) -> JSON:
    """A text channel object."""
    return guild_channel(GUILD_TEXT, channel_id, guild_id, name, position)


def guild_channel(kind: int, channel_id: int, guild_id: int, name: str, position: int) -> JSON:
    """A channel object of a type, with the fields that channels of this type carry."""
    channel: JSON = {
        "id": str(channel_id),
        "type": kind,
        "guild_id": str(guild_id),
        "name": name,
        "position": position,
        "parent_id": None,
        "permission_overwrites": [],
        "flags": 0,
    }
    if kind == CATEGORY:
        return channel
    channel |= {"nsfw": False, "rate_limit_per_user": 0, "last_message_id": None}
    if kind in {VOICE, STAGE}:
        return {**channel, "bitrate": 64_000, "user_limit": 0, "rtc_region": None}
    channel["topic"] = None
    if kind == FORUM:
        channel |= {
            "available_tags": [],
            "default_reaction_emoji": None,
            "default_sort_order": None,
            "default_forum_layout": 0,
        }
    return channel


def guild_record(guild_id: int, name: str, owner_id: int) -> JSON:
    """A guild object without the lists of what it holds."""
    return {
        "id": str(guild_id),
        "name": name,
        "owner_id": str(owner_id),
        "icon": None,
        "splash": None,
        "discovery_splash": None,
        "banner": None,
        "description": None,
        "home_header": None,
        "incidents_data": None,
        "emojis": [],
        "stickers": [],
        "features": [],
        "afk_channel_id": None,
        "afk_timeout": 300,
        "application_id": None,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw": False,
        "nsfw_level": 0,
        "preferred_locale": "en-US",
        "premium_progress_bar_enabled": False,
        "premium_subscription_count": 0,
        "premium_tier": 0,
        "public_updates_channel_id": None,
        "region": "deprecated",
        "rules_channel_id": None,
        "safety_alerts_channel_id": None,
        "system_channel_flags": 0,
        "system_channel_id": None,
        "vanity_url_code": None,
        "verification_level": 0,
        "widget_channel_id": None,
        "widget_enabled": False,
        "max_members": 500_000,
        "max_presences": None,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
    }
