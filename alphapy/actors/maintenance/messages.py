"""Where the text commands of the bot's owners go."""

from __future__ import annotations

from alphapy.actors.kernel.address import Address

TEXT_COMMANDS = Address.process("text_commands")
"""Told every message that may be a text command, in guilds and in direct messages."""
