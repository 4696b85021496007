"""The registry of every setting (spec/settings.md 3): one line each, grouped by scope.

This table is validation, ``show`` page, REST contract and documentation at once.
"""

from __future__ import annotations

import re
from typing import Any

from alphapy.pure.engagement.awards import LONGEST_LIST
from alphapy.pure.engagement.badges import MOST_EXTRA, WELL_KNOWN, badge_key
from alphapy.pure.setting_types import SettingType
from alphapy.pure.settings import ChannelFit, SettingDef, SettingFamily, SettingsRegistry

TEMPLATE_LIMIT = 1900
"""Characters of a template that is sent as a message, with room for what is filled in."""


def registry(*, llm_provider: str = "grok") -> SettingsRegistry:
    """Every setting there is. The default AI model depends on the provider the service talks to."""
    return SettingsRegistry(
        (
            *_system(),
            *_modules(),
            *_onboarding(),
            *_embedwatcher(),
            *_reminders_and_invites(),
            *_ai(llm_provider),
            *_tickets(),
            *_verification(),
            *_automod(),
            *_engagement(),
        ),
        families=(
            SettingFamily(
                pattern=_role("engagement", "badge_role_", "the role of a badge"),
                is_name=lambda name: badge_key(name) == name,
                most=MOST_EXTRA,
            ),
        ),
    )


def _flag(scope: str, key: str, meaning: str, *, default: bool = False) -> SettingDef:
    return SettingDef(scope=scope, key=key, type=SettingType.BOOL, default=default, meaning=meaning)


def _channel(
    scope: str, key: str, meaning: str, fit: ChannelFit = ChannelFit.TEXT, **more: Any
) -> SettingDef:
    return SettingDef(
        scope=scope, key=key, type=SettingType.CHANNEL, default=0, meaning=meaning, fit=fit, **more
    )


def _role(scope: str, key: str, meaning: str) -> SettingDef:
    return SettingDef(scope=scope, key=key, type=SettingType.ROLE, default=None, meaning=meaning)


def _number(scope: str, key: str, default: int, low: int, high: int, meaning: str, **more: Any) -> SettingDef:
    return SettingDef(
        scope=scope,
        key=key,
        type=SettingType.INT,
        default=default,
        minimum=low,
        maximum=high,
        meaning=meaning,
        **more,
    )


def _text(scope: str, key: str, default: str, meaning: str, **more: Any) -> SettingDef:
    return SettingDef(scope=scope, key=key, type=SettingType.STR, default=default, meaning=meaning, **more)


def _ids(scope: str, key: str, limit: int, meaning: str) -> SettingDef:
    return SettingDef(
        scope=scope, key=key, type=SettingType.IDS, default=(), max_items=limit, meaning=meaning
    )


def _zero_or(low: int, high: int) -> Any:
    return lambda value: None if value == 0 or low <= value <= high else f"0 or between {low} and {high}"


def _model_name(value: str) -> str | None:
    forbidden = re.search(r"[\s`\x00-\x1f\x7f]", value)
    return "free of spaces, backticks and control characters" if forbidden else None


def _digits(value: str) -> str | None:
    return None if not value or (value.isascii() and value.isdecimal()) else "an id or empty"


def _id_list(value: str) -> str | None:
    items = [item.strip() for item in value.split(",") if item.strip()]
    fine = all(item.isascii() and item.isdecimal() for item in items) and len(items) <= 50
    return None if fine else "at most 50 ids separated by commas"


def _steps(value: Any) -> str | None:
    if not isinstance(value, list) or len(value) > 10 or not all(isinstance(step, dict) for step in value):
        return "a list of at most 10 steps"
    points = [step.get("points") for step in value]
    if not all(isinstance(p, int) and not isinstance(p, bool) and 1 <= p <= 1000 for p in points):
        return "a list of steps whose points lie between 1 and 1000"
    if len(set(points)) != len(points):
        return "a list of steps with different points"
    if not all(step.get("action") in ("warn", "mute", "timeout", "ban") for step in value):
        return "a list of steps whose action is warn, mute, timeout or ban"
    return None


def _modules() -> tuple[SettingDef, ...]:
    """The gates of modules that have no other setting here."""
    return (
        _flag("rules", "enabled", "show the rules while onboarding", default=True),
        _flag("fyi", "enabled", "contextual tips", default=True),
        _flag("agents", "enabled", "the /agent command"),
        _flag("custom_commands", "enabled", "answers of custom commands", default=True),
        _flag("faq", "enabled", "the /faq commands", default=True),
    )


def _system() -> tuple[SettingDef, ...]:
    return (
        _channel("system", "log_channel_id", "the guild log and the record of configuration changes"),
        _channel("system", "rules_channel_id", "where the onboarding panel is kept"),
        _text(
            "system",
            "log_level",
            "verbose",
            "what the guild log shows",
            choices=("verbose", "normal", "critical"),
        ),
        _number(
            "system",
            "audit_retention_days",
            0,
            0,
            3650,
            "days that audit rows are kept; 0 keeps them",
            check=_zero_or(7, 3650),
        ),
    )


def _onboarding() -> tuple[SettingDef, ...]:
    modes = ("disabled", "rules_only", "rules_with_questions", "questions_only")
    return (
        _flag("onboarding", "enabled", "start button, panel and join role", default=True),
        _text("onboarding", "mode", "rules_with_questions", "what newcomers go through", choices=modes),
        _role("onboarding", "completion_role_id", "the role after completion"),
        _role("onboarding", "join_role_id", "the temporary role on joining"),
        _flag("gdpr", "enabled", "the agree button and the post command", default=True),
        _channel("gdpr", "channel_id", "the agreement's channel", ChannelFit.TEXT_OR_THREAD),
        _role("gdpr", "acceptance_role_id", "the role on acceptance"),
    )


def _embedwatcher() -> tuple[SettingDef, ...]:
    scope = "embedwatcher"
    return (
        _flag(scope, "enabled", "automatic reminders from announcements", default=True),
        _channel(scope, "announcements_channel_id", "the watched channel"),
        _number(
            scope, "reminder_offset_minutes", 60, 0, 4320, "minutes that a reminder comes before its event"
        ),
        _flag(
            scope, "gpt_fallback_enabled", "let the language model read what the parser cannot", default=True
        ),
        _channel(scope, "failed_parse_log_channel_id", "where failures are logged; else the guild log"),
        _flag(scope, "non_embed_enabled", "read plain messages too"),
        _flag(scope, "process_bot_messages", "read the bot's own messages too"),
    )


def _reminders_and_invites() -> tuple[SettingDef, ...]:
    return (
        _flag("reminders", "enabled", "reminders", default=True),
        _channel("reminders", "default_channel_id", "where reminders go by default"),
        _flag("reminders", "allow_everyone_mentions", "let reminders ping everyone"),
        _flag("invites", "enabled", "the invite tracker", default=True),
        _channel("invites", "announcement_channel_id", "where joins are announced"),
        _text(
            "invites",
            "with_inviter_template",
            "{member} joined! {inviter} now has {count} invites.",
            "a join whose inviter is known",
            max_length=TEMPLATE_LIMIT,
            blank_clears=True,
        ),
        _text(
            "invites",
            "no_inviter_template",
            "{member} joined. Who invited them is not known.",
            "a join whose inviter is not known",
            max_length=TEMPLATE_LIMIT,
            blank_clears=True,
        ),
    )


def _ai(llm_provider: str) -> tuple[SettingDef, ...]:
    return (
        _flag("gpt", "enabled", "the members' AI commands", default=True),
        _text(
            "gpt",
            "model",
            "grok-3" if llm_provider == "grok" else "gpt-3.5-turbo",
            "the language model",
            trimmed=True,
            min_length=1,
            max_length=100,
            check=_model_name,
            owner_only=True,
        ),
        SettingDef(
            scope="gpt",
            key="temperature",
            type=SettingType.FLOAT,
            default=0.7,
            minimum=0.0,
            maximum=2.0,
            meaning="how freely the language model answers",
        ),
        _flag("growth", "enabled", "the check-in commands", default=True),
        _channel("growth", "log_channel_id", "where shared check-ins go"),
    )


def _tickets() -> tuple[SettingDef, ...]:
    scope = "ticketbot"
    return (
        _flag(scope, "enabled", "tickets", default=True),
        _channel(scope, "category_id", "the category of ticket channels", ChannelFit.CATEGORY),
        _role(scope, "staff_role_id", "who sees tickets"),
        _role(scope, "escalation_role_id", "who escalated tickets go to"),
        _number(scope, "idle_days_threshold", 5, 1, 30, "idle days before a reminder"),
        _number(scope, "auto_close_days_threshold", 14, 1, 90, "idle days before a ticket is closed"),
        _number(scope, "max_open_per_user", 5, 1, 25, "open tickets that a member may have"),
    )


def _verification() -> tuple[SettingDef, ...]:
    scope = "verification"
    return (
        _flag(scope, "enabled", "verification", default=True),
        _role(scope, "verified_role_id", "the role of verified members"),
        _channel(scope, "category_id", "the category of verification channels", ChannelFit.CATEGORY),
        _text(
            scope,
            "vision_model",
            "grok-4-1-fast-reasoning",
            "the model that looks at screenshots",
            trimmed=True,
            min_length=1,
            max_length=100,
            check=_model_name,
        ),
        _text(
            scope, "ai_prompt_context", "", "what the model is told besides", trimmed=True, max_length=1000
        ),
        _channel(scope, "reference_image_channel_id", "where the reference image is", managed=True),
        _text(
            scope,
            "reference_image_message_id",
            "",
            "the reference image's message",
            check=_digits,
            managed=True,
        ),
        _number(scope, "max_payment_age_days", 35, 1, 365, "days that a payment may be old"),
        _role(scope, "reviewer_role_id", "who reviews"),
    )


def _automod() -> tuple[SettingDef, ...]:
    scope = "automod"
    return (
        _flag(scope, "enabled", "auto-moderation"),
        _channel(scope, "log_channel_id", "where violations are logged"),
        _text(
            scope,
            "warn_message",
            "⚠️ Your message breaks the rules of this server.",
            "what a warned member reads",
            min_length=1,
            max_length=1500,
        ),
        _flag(scope, "log_actions", "log actions to the channel", default=True),
        _flag(scope, "log_to_database", "keep a record of violations", default=True),
        _role(scope, "mute_role_id", "the role of muted members"),
        _ids(scope, "exempt_role_ids", 50, "roles that are not judged"),
        _ids(scope, "exempt_channel_ids", 100, "channels that are not judged"),
        SettingDef(
            scope=scope,
            key="escalation",
            type=SettingType.JSON,
            default=[],
            check=_steps,
            meaning="what follows when points add up",
        ),
        _number(scope, "points_decay_days", 30, 0, 365, "days until points are forgotten; 0 keeps them"),
        _flag(scope, "appeals_enabled", "let members appeal"),
        _number(scope, "content_retention_days", 90, 0, 3650, "days that message text is kept; 0 keeps it"),
    )


def _engagement() -> tuple[SettingDef, ...]:
    scope = "engagement"
    features = ("challenges", "weekly", "badges", "streaks", "og")
    return (
        _flag(scope, "enabled", "every engagement feature", default=True),
        *(_flag(scope, f"{name}_enabled", f"the feature “{name}”") for name in features),
        _role(scope, "challenge_winner_role_id", "the role of a challenge's winner"),
        _channel(scope, "weekly_award_channel_id", "where weekly awards are announced"),
        _text(scope, "weekly_food_channel_ids", "", "channels for food pictures", check=_id_list),
        _text(
            scope,
            "weekly_award_configs",
            "",
            "the weekly awards, as a JSON list",
            max_length=LONGEST_LIST,
            takes_json=True,
        ),
        _flag(scope, "streaks_nicknames", "show streaks in nicknames"),
        _number(scope, "og_cap", 50, 1, 10000, "how many members may claim OG"),
        _text(scope, "og_claim_text", "", "the text of the OG claim", max_length=2000),
        *(_role(scope, f"badge_role_{badge}", f"the role of the badge “{badge}”") for badge in WELL_KNOWN),
    )
