"""A language model behind an OpenAI-compatible interface: ``POST {base}/chat/completions``.

When it fails, whatever the reason, that is one :class:`ModelFailed`; it holds neither the key nor a word of
what was asked.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Self

import httpx
import trio

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from alphapy.config import Config
    from alphapy.environment import Secret

LONGEST_ANSWER: Final = 64 * 1024
"""Bytes; more is no answer."""

CONNECTIONS: Final = 32
"""Calls at the same time, of all guilds."""

BASES: Final = {"grok": "https://api.x.ai/v1", "openai": "https://api.openai.com/v1"}
"""Where the providers are."""


class ModelFailed(Exception):
    """There is no usable answer; the text says why in a few words."""


class LanguageModel:
    """See the module; an async context manager. Without a base address and a key, it is unavailable."""

    def __init__(self, base: str, key: Secret | None) -> None:
        self._base = base.rstrip("/")
        self._key = key
        # It goes where it is told, whatever the environment says.
        self._http = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=4),
        )

    @classmethod
    def of(cls, config: Config) -> Self:
        """The model that the operator has chosen."""
        key = config.openai_api_key if config.llm_provider == "openai" else config.grok_api_key
        return cls(config.llm_base_url or BASES.get(config.llm_provider, ""), key)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    @property
    def available(self) -> bool:
        """Whether there is anybody to ask."""
        return bool(self._base) and self._key is not None

    async def complete(
        self, model: str, messages: Sequence[dict[str, str]], *, within: float, most_tokens: int = 300
    ) -> str:
        """The model's answer, within so many seconds; raises ModelFailed."""
        if self._key is None or not self._base:
            raise ModelFailed("no language model is configured")
        body = {"model": model, "messages": list(messages), "temperature": 0, "max_tokens": most_tokens}
        with trio.move_on_after(within):
            try:
                return await self._ask(body, within)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise ModelFailed(type(error).__name__) from None
        raise ModelFailed(f"no answer within {within:g} s")

    async def _ask(self, body: dict[str, Any], within: float) -> str:
        assert self._key is not None, "complete has checked"  # noqa: S101
        answer = bytearray()
        async with self._http.stream(
            "POST",
            f"{self._base}/chat/completions",
            json=body,
            headers={"Authorization": f"Bearer {self._key.reveal()}", "Accept": "application/json"},
            timeout=within,
        ) as response:
            async for part in response.aiter_bytes():
                answer += part[: LONGEST_ANSWER + 1 - len(answer)]
        if response.status_code != httpx.codes.OK:
            raise ModelFailed(f"HTTP status {response.status_code}")
        return _content(bytes(answer))


def _content(answer: bytes) -> str:
    """The text of the first choice of a completion."""
    if len(answer) > LONGEST_ANSWER:
        raise ModelFailed("the answer is too long")
    try:
        content = json.loads(answer)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        raise ModelFailed("the answer is no completion") from None
    if not isinstance(content, str):
        raise ModelFailed("the answer has no text")
    return content
