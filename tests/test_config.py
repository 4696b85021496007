"""The environment becomes one value, or a list of everything that is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from alphapy.config import Config, ConfigError, Secret, describe

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = {"BOT_TOKEN": "the-token"}
STRICT = {
    "STRICT_SECURITY_MODE": "1",
    "APP_ENV": "production",
    "DATABASE_URL": "postgresql://u:p@h/d",
    "API_KEY": "k",
    "SUPABASE_WEBHOOK_SECRET": "s",
    "PREMIUM_INVALIDATE_WEBHOOK_SECRET": "s",
    "APP_REFLECTIONS_WEBHOOK_SECRET": "s",
    "LEGAL_UPDATE_WEBHOOK_SECRET": "s",
    "DISCORD_LINK_WEBHOOK_SECRET": "s",
}


def test_defaults_hold_while_nothing_else_is_set() -> None:
    config = Config.load(TOKEN)
    assert config.token.reveal() == "the-token"
    assert config.database_url is None
    assert config.port == 8000
    assert config.discord_api_base == "https://discord.com/api/v10"
    assert not config.production


def test_the_token_is_required_and_the_message_names_it() -> None:
    with pytest.raises(ConfigError, match="BOT_TOKEN is not set"):
        Config.load({"BOT_TOKEN": "  "})


def test_the_database_commands_need_no_token() -> None:
    config = Config.load({"DATABASE_URL": "postgresql://h/d"}, for_database_only=True)
    with pytest.raises(ConfigError, match="BOT_TOKEN"):
        _ = config.token


def test_the_test_bot_is_used_where_its_token_is_set() -> None:
    assert Config.load({"BOT_TOKEN_TEST": "t", "USE_TEST_BOT": "yes"}).token.reveal() == "t"
    assert Config.load({**TOKEN, "BOT_TOKEN_TEST": "t"}).token.reveal() == "the-token"
    assert Config.load({**TOKEN, "USE_TEST_BOT": "1"}).token.reveal() == "the-token"


@pytest.mark.parametrize("off", ["0", "false", "no", "off", "OFF"])
def test_a_test_bot_that_is_switched_off_does_not_replace_the_token(off: str) -> None:
    with pytest.raises(ConfigError, match="BOT_TOKEN is not set"):
        Config.load({"BOT_TOKEN_TEST": "t", "USE_TEST_BOT": off})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PORT", "eighty", "PORT must be a whole number between 0 and 65535"),
        ("PORT", "65536", "PORT must be"),
        ("PORT", "٨", "PORT must be"),
        ("OWNER_IDS", "1,x", "OWNER_IDS must be Discord ids"),
        ("MAIN_GUILD_ID", "-1", "MAIN_GUILD_ID must be a Discord id"),
        ("AUTO_MIGRATE", "maybe", "AUTO_MIGRATE must be 1 or 0"),
        ("DISCORD_API_BASE", "discord.com", "DISCORD_API_BASE must be a URL"),
        ("DISCORD_GATEWAY_URL", "https://h", "ws"),
        ("DISCORD_GATEWAY_URL", "ws://h:notaport", "ws"),
        ("TELEMETRY_INGEST_INTERVAL", "5", "seconds between 15"),
        ("TELEMETRY_INGEST_INTERVAL", "nan", "seconds between 15"),
        ("SHARDS", "0", "SHARDS must be auto, or"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL must be"),
        ("DATABASE_POOL_MIN", "30", "must not exceed"),
        ("APP_ENV", "Production", "DATABASE_URL is not set"),
    ],
)
def test_a_malformed_value_aborts_and_names_its_variable(name: str, value: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        Config.load({**TOKEN, name: value})


def test_every_problem_is_listed_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        Config.load({"PORT": "x", "OWNER_IDS": "y"})
    assert all(name in str(raised.value) for name in ("BOT_TOKEN", "PORT", "OWNER_IDS"))


def test_operations_2_strict_mode_names_exactly_the_missing_secret() -> None:
    with pytest.raises(ConfigError) as raised:
        Config.load({**TOKEN, **STRICT})
    assert str(raised.value).count("  - ") == 1
    assert "FOUNDER_WEBHOOK_SECRET" in str(raised.value)
    assert Config.load({**TOKEN, **STRICT, "FOUNDER_WEBHOOK_SECRET": "s"}).missing_secrets() == ()


@pytest.mark.parametrize("key", ["-----BEGIN PUBLIC KEY-----\\nMIIB", "ssh-ed25519 AAAA", '{"kty":"RSA"}'])
def test_a_public_key_is_no_secret(key: str) -> None:
    with pytest.raises(ConfigError, match="SUPABASE_JWT_SECRET must be the shared secret") as caught:
        Config.load(TOKEN | {"SUPABASE_JWT_SECRET": key})
    assert key not in str(caught.value)


def test_a_dotenv_file_fills_only_what_is_unset(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("BOT_TOKEN=filed\nPORT=9000\n")
    config = Config.load({"PORT": " 9001 ", "BOT_TOKEN": ""}, dotenv=file)
    assert config.token.reveal() == "filed"
    assert config.port == 9001


def test_a_secret_never_shows_itself() -> None:
    config = Config.load({**TOKEN, "DATABASE_URL": "postgresql://user:hunter2@host/db"})
    shown = f"{config} {config!r} {config.token} {config.token!r} {Secret('x'):>5}"
    assert "the-token" not in shown
    assert "hunter2" not in shown


def test_lists_are_split_and_trimmed() -> None:
    config = Config.load({**TOKEN, "OWNER_IDS": " 1, 2 ,", "ALLOWED_ORIGINS": "https://a , https://b"})
    assert config.owner_ids == {1, 2}
    assert config.allowed_origins == ("https://a", "https://b")


def test_every_variable_has_a_meaning_and_a_name_of_its_own() -> None:
    variables = describe()
    assert len({variable.name for variable in variables}) == len(variables) > 80
    assert all(variable.meaning for variable in variables)
