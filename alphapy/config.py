"""The environment as one frozen value: each variable of spec/operations.md 3 once, with its meaning.

``alphapy config`` prints this table. Variables of features that are not in this version are read and checked
all the same, so that a deployment can be configured once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from dotenv import dotenv_values

from alphapy.environment import (
    ConfigError,
    Secret,
    Unusable,
    Variable,
    flag,
    path,
    read_fields,
    seconds,
    secret,
    shard_count,
    snowflake,
    snowflakes,
    text,
    texts,
    url,
    variable,
    variables_of,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Config", "ConfigError", "Secret", "Variable", "describe"]

_MAX_PORT = 65535
_DAY = 86_400
_web = url("https", "http")

_STRICT = (
    ("supabase_webhook_secret", "SUPABASE_WEBHOOK_SECRET"),
    ("premium_invalidate_webhook_secret", "PREMIUM_INVALIDATE_WEBHOOK_SECRET"),
    ("app_reflections_webhook_secret", "APP_REFLECTIONS_WEBHOOK_SECRET"),
    ("founder_webhook_secret", "FOUNDER_WEBHOOK_SECRET"),
    ("legal_update_webhook_secret", "LEGAL_UPDATE_WEBHOOK_SECRET"),
    ("discord_link_webhook_secret", "DISCORD_LINK_WEBHOOK_SECRET"),
)
"""Secrets that strict mode insists on (spec/api.md 7.2, "Strict mode")."""


def _secret(name: str, meaning: str) -> Any:
    return variable(name, secret, "", meaning, secret=True)


@attrs.frozen(kw_only=True)
class Config:
    """Everything the operator decides. Unset texts and URLs are empty, unset ids 0, unset secrets None."""

    bot_token: Secret | None = variable(
        "BOT_TOKEN", secret, "", "the token of your Discord application", required=True, secret=True
    )
    bot_token_test: Secret | None = _secret("BOT_TOKEN_TEST", "the token used while USE_TEST_BOT is on")
    use_test_bot: bool = variable("USE_TEST_BOT", flag, "0", "use BOT_TOKEN_TEST where it is set")
    database_url: Secret | None = _secret(
        "DATABASE_URL", "PostgreSQL as postgresql://user:password@host/database; unset: an embedded one"
    )
    data_dir: Path = variable("ALPHAPY_DATA_DIR", Path, ".alphapy", "embedded database and other local state")
    database_pool_min: int = variable("DATABASE_POOL_MIN", whole(1, 100), "2", "connections kept open")
    database_pool_max: int = variable("DATABASE_POOL_MAX", whole(1, 500), "20", "connections at the most")
    auto_migrate: bool = variable("AUTO_MIGRATE", flag, "0", "upgrade the schema on starting")
    allow_schema_drift: bool = variable(
        "ALLOW_SCHEMA_DRIFT", flag, "0", "start although the schema differs from what is expected"
    )
    legacy_guild_id: int = variable(
        "LEGACY_GUILD_ID", snowflake, "0", "guild of rows older than multi-guild support"
    )
    audit_retention_days_dm: int = variable(
        "AUDIT_RETENTION_DAYS_DM", whole(0, 3650), "0", "days that audit rows of DMs are kept; 0 keeps them"
    )
    retention_feature_windows: bool = variable(
        "RETENTION_FEATURE_WINDOWS", flag, "1", "0: features forget nothing that they keep for so long only"
    )

    host: str = variable("HOST", text, "0.0.0.0", "address that HTTP listens on")  # noqa: S104 - a container's default
    port: int = variable("PORT", whole(0, _MAX_PORT), "8000", "port of HTTP; 0 takes any free one")
    service_name: str = variable("SERVICE_NAME", text, "alphapy-service", "name in health rows")
    app_env: str = variable("APP_ENV", text, "development", "prod or production is production")
    strict_security: bool = variable(
        "STRICT_SECURITY_MODE", flag, "0", "in production, refuse missing secrets"
    )
    api_key: Secret | None = _secret("API_KEY", "the service key of the REST API and of /console")
    allowed_origins: tuple[str, ...] = variable(
        "ALLOWED_ORIGINS", texts, "", "CORS origins separated by commas; unset: the product's three"
    )
    webhook_require_timestamp: bool = variable(
        "WEBHOOK_REQUIRE_TIMESTAMP", flag, "0", "refuse webhooks without a timestamp"
    )
    trusted_proxy_count: int = variable("TRUSTED_PROXY_COUNT", whole(0, 10), "0", "proxies in front of HTTP")
    public_stats: bool = variable("PUBLIC_STATS", flag, "0", "serve /top-commands without a key")

    app_base_url: str = variable("APP_BASE_URL", _web, "https://app.innersync.tech", "links to the app")
    mind_base_url: str = variable("MIND_BASE_URL", _web, "https://mind.innersync.tech", "links to Mind")
    alphapy_base_url: str = variable(
        "ALPHAPY_BASE_URL", _web, "https://alphapy.innersync.tech", "links to this service"
    )
    supabase_url: str = variable("SUPABASE_URL", _web, "", "identity and telemetry")
    supabase_anon_key: Secret | None = _secret("SUPABASE_ANON_KEY", "public key of Supabase")
    supabase_service_role_key: Secret | None = _secret("SUPABASE_SERVICE_ROLE_KEY", "service key of Supabase")
    supabase_jwt_secret: Secret | None = _secret("SUPABASE_JWT_SECRET", "secret of HS256 tokens")
    supabase_jwks_url: str = variable("SUPABASE_JWKS_URL", _web, "", "keys of tokens; unset: derived")
    supabase_jwt_audience: str = variable(
        "SUPABASE_JWT_AUDIENCE", text, "authenticated", "audience of tokens"
    )
    supabase_issuer: str = variable("SUPABASE_ISSUER", _web, "", "issuer of tokens; unset: derived")
    supabase_webhook_secret: Secret | None = _secret("SUPABASE_WEBHOOK_SECRET", "signs Supabase webhooks")
    app_reflections_webhook_secret: Secret | None = _secret(
        "APP_REFLECTIONS_WEBHOOK_SECRET", "signs reflection webhooks"
    )
    premium_invalidate_webhook_secret: Secret | None = _secret(
        "PREMIUM_INVALIDATE_WEBHOOK_SECRET", "signs premium webhooks"
    )
    founder_webhook_secret: Secret | None = _secret("FOUNDER_WEBHOOK_SECRET", "signs founder webhooks")
    legal_update_webhook_secret: Secret | None = _secret(
        "LEGAL_UPDATE_WEBHOOK_SECRET", "signs legal-update webhooks"
    )
    discord_link_webhook_secret: Secret | None = _secret(
        "DISCORD_LINK_WEBHOOK_SECRET", "signs account-link webhooks"
    )
    dashboard_base_url: str = variable("DASHBOARD_BASE_URL", _web, "", "receiver of outbound webhooks")
    reflection_webhook_secret: Secret | None = _secret(
        "REFLECTION_WEBHOOK_SECRET", "signs outbound reflections"
    )
    gdpr_webhook_secret: Secret | None = _secret("GDPR_WEBHOOK_SECRET", "signs outbound erasures")

    main_guild_id: int = variable("MAIN_GUILD_ID", snowflake, "0", "home guild of the service")
    legal_updates_channel_id: int = variable(
        "LEGAL_UPDATES_CHANNEL_ID", snowflake, "0", "channel of legal notices"
    )
    owner_ids: frozenset[int] = variable("OWNER_IDS", snowflakes, "", "bot owners' user ids")
    admin_role_ids: frozenset[int] = variable(
        "ADMIN_ROLE_ID", snowflakes, "", "roles that count as guild admin"
    )
    founder_guild_id: int = variable("FOUNDER_GUILD_ID", snowflake, "0", "guild of the founder role")
    founder_role_name: str = variable("FOUNDER_ROLE_NAME", text, "Founder", "name of the founder role")

    grok_api_key: Secret | None = _secret("GROK_API_KEY", "key of the language model")
    openai_api_key: Secret | None = _secret("OPENAI_API_KEY", "key of the language model")
    llm_base_url: str = variable(
        "LLM_BASE_URL", _web, "", "an OpenAI-compatible interface; unset: the provider's own"
    )
    llm_provider: str = variable("LLM_PROVIDER", text, "grok", "whose language model is used")
    google_credentials_json: Secret | None = _secret("GOOGLE_CREDENTIALS_JSON", "read-only access to Drive")

    telemetry_ingest_interval: float = variable(
        "TELEMETRY_INGEST_INTERVAL", seconds(15, _DAY), "45", "seconds between telemetry snapshots"
    )
    core_api_url: str = variable("CORE_API_URL", _web, "", "the Core service")
    alphapy_service_key: Secret | None = _secret("ALPHAPY_SERVICE_KEY", "our key at Core")
    core_discord_link_session_path: str = variable(
        "CORE_DISCORD_LINK_SESSION_PATH", text, "/integrations/discord/link-session", "path at Core"
    )
    core_discord_bot_profile_path: str = variable(
        "CORE_DISCORD_BOT_PROFILE_PATH", text, "/integrations/discord/bot-profile", "path at Core"
    )
    core_discord_unlink_path: str = variable(
        "CORE_DISCORD_UNLINK_PATH", text, "/integrations/discord/unlink", "path at Core"
    )
    core_hermit_context_path: str = variable(
        "CORE_HERMIT_CONTEXT_PATH", text, "/integrations/hermit/strategic-context", "path at Core"
    )
    hermit_context_enabled: bool = variable("HERMIT_CONTEXT_ENABLED", flag, "0", "ask Core for context")
    hermit_context_ttl: float = variable(
        "HERMIT_CONTEXT_TTL_SECONDS", seconds(0, _DAY), "1800", "seconds that context is kept"
    )
    hermit_context_timeout: float = variable(
        "HERMIT_CONTEXT_TIMEOUT_SECONDS", seconds(0.1, 30), "2.0", "seconds that Core may take"
    )
    hermit_strategy_packet_enabled: bool = variable(
        "HERMIT_STRATEGY_PACKET_ENABLED", flag, "0", "send strategy packets"
    )
    hermit_events_enabled: bool = variable("HERMIT_EVENTS_ENABLED", flag, "1", "accept Hermit events")
    hermit_events_webhook_secret: Secret | None = _secret(
        "HERMIT_EVENTS_WEBHOOK_SECRET", "signs Hermit events"
    )
    agents_enabled: bool = variable("ALPHAPY_AGENTS_ENABLED", flag, "0", "the /agent command, everywhere")
    agents_memory_backend: str = variable(
        "ALPHAPY_AGENTS_MEMORY_BACKEND", text, "supabase", "where agents remember"
    )
    memory_graph_push: str = variable("ALPHAPY_MEMORY_GRAPH_PUSH", text, "auto", "push agents' memory graphs")

    discord_client_id: int = variable("DISCORD_CLIENT_ID", snowflake, "0", "application id for web logins")
    discord_client_secret: Secret | None = _secret("DISCORD_CLIENT_SECRET", "secret of web logins")
    discord_oauth_redirect_uri: str = variable(
        "DISCORD_OAUTH_REDIRECT_URI", _web, "", "where web logins return; unset: derived"
    )
    discord_api_base: str = variable(
        "DISCORD_API_BASE", _web, "https://discord.com/api/v10", "Discord's REST API, or a sandbox's"
    )
    discord_gateway_url: str = variable(
        "DISCORD_GATEWAY_URL", url("wss", "ws"), "", "the gateway; unset: as REST tells"
    )

    shards: int = variable("SHARDS", shard_count, "auto", "gateway shards: auto, or a number")

    premium_checkout_url: str = variable("PREMIUM_CHECKOUT_URL", _web, "", "where premium is bought")
    premium_cache_ttl: float = variable(
        "PREMIUM_CACHE_TTL_SECONDS", seconds(0, _DAY), "300", "seconds that premium answers are kept"
    )
    core_api_payments_token: Secret | None = _secret("CORE_API_PAYMENTS_TOKEN", "our key at Core payments")
    early_bird_code: str = variable("EARLY_BIRD_CODE", text, "EARLYBIRD50", "the early-bird code")
    early_bird_total_spots: int = variable(
        "EARLY_BIRD_TOTAL_SPOTS", whole(0, 10**6), "50", "early-bird places"
    )
    price_monthly: str = variable("PRICE_MONTHLY", text, "€4.99", "price shown")
    price_yearly_early_bird: str = variable("PRICE_YEARLY_EARLY_BIRD", text, "€29", "price shown")
    price_yearly_regular: str = variable("PRICE_YEARLY_REGULAR", text, "€59.99", "price shown")
    price_lifetime_early_bird: str = variable("PRICE_LIFETIME_EARLY_BIRD", text, "€49", "price shown")
    price_lifetime_regular: str = variable("PRICE_LIFETIME_REGULAR", text, "€99.99", "price shown")

    image_reminder_window: float = variable(
        "IMAGE_REMINDER_RATE_LIMIT_WINDOW",
        seconds(1, 30 * _DAY),
        "3600",
        "window of the image limit, seconds",
    )
    image_reminder_count: int = variable(
        "IMAGE_REMINDER_RATE_LIMIT_COUNT", whole(1, 10**6), "100", "image marks that are kept"
    )
    github_repo: str = variable("GITHUB_REPO", text, "", "owner/name, for release notes")
    github_token: Secret | None = _secret("GITHUB_TOKEN", "reads release notes")
    log_level: str = variable("LOG_LEVEL", text, "INFO", "DEBUG, INFO, WARNING or ERROR")
    log_file: Path | None = variable("LOG_FILE", path, "", "also log to this file, 5 MB, three kept")

    @property
    def production(self) -> bool:
        """Whether this is a production deployment."""
        return self.app_env.lower() in {"prod", "production"}

    @property
    def token(self) -> Secret:
        """The bot token in force; raises ConfigError where there is none."""
        if self.use_test_bot and self.bot_token_test is not None:
            return self.bot_token_test
        if self.bot_token is None:
            raise ConfigError("Alphapy cannot start:\n  - BOT_TOKEN is not set")
        return self.bot_token

    @classmethod
    def load(
        cls, environment: Mapping[str, str], *, dotenv: Path | None = None, for_database_only: bool = False
    ) -> Config:
        """Read the environment; a .env file fills what is unset. Raises ConfigError listing every problem."""
        if dotenv is not None and dotenv.is_file():
            filed = _read_file(dotenv)
            environment = {**filed, **{key: value for key, value in environment.items() if value.strip()}}
        uses_test_bot = bool(environment.get("BOT_TOKEN_TEST", "").strip()) and _switched_on(
            environment.get("USE_TEST_BOT", "").strip()
        )

        def needs(_name: str) -> bool:
            return not for_database_only and not uses_test_bot

        config = cls(**read_fields(cls, environment, needs=needs))
        config._check(for_database_only=for_database_only)
        return config

    def _check(self, *, for_database_only: bool) -> None:
        problems: list[str] = []
        if self.log_level.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            problems.append("LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR")
        if self.database_pool_min > self.database_pool_max:
            problems.append("DATABASE_POOL_MIN must not exceed DATABASE_POOL_MAX")
        if self.supabase_jwt_secret is not None and _is_public(self.supabase_jwt_secret.reveal()):
            problems.append(
                "SUPABASE_JWT_SECRET must be the shared secret of HS256 tokens, and not a public key, with "
                "which everybody could sign (set SUPABASE_JWKS_URL instead)"
            )
        if self.production and self.database_url is None:
            problems.append("DATABASE_URL is not set: production does not run on the embedded database")
        if self.strict_security and self.production and not for_database_only:
            problems += [
                f"{name} is not set: strict security mode needs it" for name in self.missing_secrets()
            ]
        if problems:
            raise ConfigError("Alphapy cannot start:\n" + "\n".join(f"  - {problem}" for problem in problems))

    def missing_secrets(self) -> tuple[str, ...]:
        """The secrets that strict mode insists on and that are not set, by variable name."""
        missing = [] if self.api_key is not None or self.supabase_url else ["API_KEY or SUPABASE_URL"]
        return (*missing, *(name for field, name in _STRICT if getattr(self, field) is None))


def _read_file(dotenv: Path) -> dict[str, str]:
    """What a .env file says, to the letter: a ``$`` in a password is a dollar sign."""
    try:
        found = dotenv_values(dotenv, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"Alphapy cannot start:\n  - {dotenv} cannot be read: {why}") from None
    return {key: value for key, value in found.items() if value is not None}


def _is_public(text: str) -> bool:
    """Whether a text is a key in one of the forms in which public keys are found."""
    return text.startswith(("-----BEGIN", "ssh-", "ecdsa-", "{"))


def _switched_on(word: str) -> bool:
    try:
        return flag(word)
    except Unusable:
        return False


def describe() -> tuple[Variable, ...]:
    """Every variable, for ``alphapy config``."""
    return variables_of(Config)
