"""Discord's published limits, each with its name and unit (https://discord.com/developers/docs).

Lengths are in characters, counts in items. The bot has its own copy on purpose: two readings of the same
document that disagree show a mistake in one of them.
"""

from __future__ import annotations

CONTENT = 2000
"""Characters of a message's content."""
NONCE = 25

EMBEDS = 10
EMBED_TITLE = 256
EMBED_DESCRIPTION = 4096
EMBED_FIELDS = 25
EMBED_FIELD_NAME = 256
EMBED_FIELD_VALUE = 1024
EMBED_FOOTER = 2048
EMBED_AUTHOR = 256
EMBED_TOTAL = 6000
"""Characters over all titles, descriptions, field names and values, footers and authors of a message."""

ACTION_ROWS = 5
ROW_BUTTONS = 5
V2_COMPONENTS = 40
CUSTOM_ID = 100
BUTTON_LABEL = 80
SELECT_OPTIONS = 25
SELECT_PLACEHOLDER = 150
OPTION_TEXT = 100
MODAL_TITLE = 45
MODAL_ROWS = 5
INPUT_LABEL = 45
INPUT_PLACEHOLDER = 100
INPUT_VALUE = 4000
LABEL_DESCRIPTION = 100

COMMAND_NAME = 32
COMMAND_DESCRIPTION = 100
COMMAND_OPTIONS = 25
COMMAND_CHOICES = 25
CHOICE_NAME = 100
CHOICE_VALUE = 100
COMMAND_TOTAL = 8000
"""Characters over names, descriptions and choice values of one command."""
COMMANDS = {1: 100, 2: 15, 3: 15}
"""Commands per application and scope, by type: slash, user, message."""
STRING_OPTION = 6000

ALLOWED_MENTIONS = 100
REACTIONS = 20
"""Different emoji on one message."""
PINS = 250
BULK_DELETE = (2, 100)
BULK_DELETE_DAYS = 14
CHANNEL_NAME = 100
CHANNEL_TOPIC = 1024
ROLE_NAME = 100
ROLES = 250
NICK = 32
TIMEOUT_DAYS = 28
BULK_BAN = 200
"""Users of one bulk ban."""
BAN_DELETES_SECONDS = 604_800
"""How far back a ban can delete messages."""
INVITE_SECONDS = 604_800
"""The longest life of an invite that ends at all."""
INVITE_USES = 100
INVITES = 1000
"""Invites of one guild."""
THREAD_ARCHIVE_MINUTES = (60, 1440, 4320, 10_080)
FILES = 10
FILE_BYTES = 10 * 1024 * 1024
REASON = 512

GATEWAY_PAYLOAD = 4096
"""Bytes of one payload a client may send to the gateway."""
