"""What the operator has decided about who may call: the configuration that authentication reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import attrs

from alphapy.environment import Secret

if TYPE_CHECKING:
    from alphapy.config import Config

JWKS_PATH: Final = "/auth/v1/.well-known/jwks.json"
ISSUER_PATH: Final = "/auth/v1"
CALLBACK_PATH: Final = "/api/auth/discord/callback"
"""Where web logins return, below ``ALPHAPY_BASE_URL`` (spec/operations.md 3)."""


@attrs.frozen(kw_only=True)
class IdentityService:
    """Who signs tokens (spec/api.md 7.2, "JWT verification"); empty texts are not set."""

    url: str = ""
    anon_key: Secret | None = None
    jwt_secret: Secret | None = None
    jwks_url: str = ""
    audience: str = "authenticated"
    issuer: str = ""

    @property
    def is_configured(self) -> bool:
        """Whether any token can be verified."""
        return bool(self.url or self.jwks_url) or self.jwt_secret is not None


@attrs.frozen(kw_only=True)
class DiscordLogin:
    """The application that people sign in to the console with. The callback is served where it leads to."""

    client_id: int
    client_secret: Secret
    redirect_uri: str
    api_base: str

    @property
    def callback_path(self) -> str:
        """The path of the callback."""
        return urlsplit(self.redirect_uri).path or "/"


@attrs.frozen(kw_only=True)
class Security:
    """Everything; as it stands, nothing is configured: a developer's machine."""

    production: bool = False
    strict: bool = False
    identity: IdentityService = IdentityService()
    hook_secrets: Mapping[str, Secret] = attrs.field(factory=dict)
    """Those that are set, by their variables' names."""
    hooks_need_timestamp: bool = False
    admin_role_ids: frozenset[int] = frozenset()
    login: DiscordLogin | None = None
    """None where DISCORD_CLIENT_ID and DISCORD_CLIENT_SECRET are not both set."""

    @classmethod
    def of(cls, config: Config) -> Security:
        """Out of the environment."""
        return cls(
            production=config.production,
            strict=config.strict_security,
            identity=IdentityService(
                url=config.supabase_url,
                anon_key=config.supabase_anon_key,
                jwt_secret=config.supabase_jwt_secret,
                jwks_url=config.supabase_jwks_url or _below(config.supabase_url, JWKS_PATH),
                audience=config.supabase_jwt_audience,
                issuer=config.supabase_issuer or _below(config.supabase_url, ISSUER_PATH),
            ),
            hook_secrets=_hook_secrets(config),
            hooks_need_timestamp=config.webhook_require_timestamp,
            admin_role_ids=config.admin_role_ids,
            login=_login(config),
        )


def _below(base: str, path: str) -> str:
    return base + path if base else ""


def _hook_secrets(config: Config) -> dict[str, Secret]:
    secrets = {
        "SUPABASE_WEBHOOK_SECRET": config.supabase_webhook_secret,
        "APP_REFLECTIONS_WEBHOOK_SECRET": config.app_reflections_webhook_secret,
        "PREMIUM_INVALIDATE_WEBHOOK_SECRET": config.premium_invalidate_webhook_secret,
        "FOUNDER_WEBHOOK_SECRET": config.founder_webhook_secret,
        "LEGAL_UPDATE_WEBHOOK_SECRET": config.legal_update_webhook_secret,
        "DISCORD_LINK_WEBHOOK_SECRET": config.discord_link_webhook_secret,
    }
    return {name: secret for name, secret in secrets.items() if secret is not None}


def _login(config: Config) -> DiscordLogin | None:
    if not config.discord_client_id or config.discord_client_secret is None:
        return None
    return DiscordLogin(
        client_id=config.discord_client_id,
        client_secret=config.discord_client_secret,
        redirect_uri=config.discord_oauth_redirect_uri or config.alphapy_base_url + CALLBACK_PATH,
        api_base=config.discord_api_base,
    )
