"""One use of a slash command, and what came back."""

from __future__ import annotations

import attrs

from alphapy.sandbox.person import InteractionView
from alphapy.sandbox.world.interactions import State
from tests.campaigns.plan import Slash


@attrs.frozen
class Use:
    """One use of a slash command."""

    act: Slash
    view: InteractionView

    @property
    def title(self) -> str:
        """The title of the answer, or its text; empty without one."""
        messages = self.view.messages
        if not messages:
            return ""
        embeds = messages[0]["embeds"]
        return str(embeds[0].get("title", "")) if embeds else str(messages[0]["content"])

    @property
    def text(self) -> str:
        """What the answer says."""
        messages = self.view.messages
        embeds = messages[0]["embeds"] if messages else []
        return str(embeds[0].get("description", "")) if embeds else ""

    @property
    def promised(self) -> bool:
        """Whether the member still looks at "thinking"."""
        return self.view.state is State.THINKING

    @property
    def failed(self) -> bool:
        """Whether the member saw that the application did not respond."""
        return self.view.state in {State.FAILED, State.WAITING}
