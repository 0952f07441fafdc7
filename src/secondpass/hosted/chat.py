"""Any OpenAI-compatible `/chat/completions` endpoint, as what a listwise scorer has its questions answered by.

Knows HTTP and the wire format; nothing of rankings, prompts and windows.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from secondpass.errors import HostedAPIError, InputError, MissingExtra, Unauthorized
from secondpass.hosted.key import Key
from secondpass.hosted.retry import AGAIN, Deadline, Patience, World, retry_after
from secondpass.models.listwise.conversation import Answer, Conversation
from secondpass.text.encode import clean

if TYPE_CHECKING:
    from types import ModuleType

    import httpx

OPENAI = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"
_SHOWN = 200  # characters of an error's body
_SHORTEST_S = 0.001  # a timeout of 0 would mean something else


class ChatEndpoint:
    """Has conversations answered by `model` at `base_url`; safe to use from several threads.

    `api_key`: else from the environment's `OPENAI_API_KEY`; without either, none is sent, as local servers need none.
    `options` go into every request as they are, such as `{"chat_template_kwargs": {"enable_thinking": False}}`; one
    that is None takes a field away: `{"temperature": None}` for models that refuse it. Raises `InputError` for a URL
    that is none, `Unauthorized` for a key that cannot be one, `MissingExtra` without httpx.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str = OPENAI,
        api_key: str | None = None,
        options: Mapping[str, Any] | None = None,
        patience: Patience | None = None,
        world: World | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        address = urlsplit(base_url)
        if address.scheme not in ("http", "https") or not address.hostname or address.username:
            raise InputError(
                f"base_url has to look like {OPENAI!r}, without a name or password; it begins with "
                f"{address.scheme!r} and its host is {address.hostname!r}."
            )
        secret = api_key if api_key is not None else environ.get(KEY_VARIABLE, "").strip() or None
        self._key = None if secret is None else Key(secret, "api_key=" if api_key is not None else KEY_VARIABLE)
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._where = f"{model} at {address.netloc}"
        self._model = model
        self._options = dict(options or {})
        self._patience = patience or Patience(timeout_s=120.0, total_s=300.0)
        self._world = world or World()
        self._httpx = _httpx()
        headers = {} if self._key is None else {"Authorization": self._key.header("Bearer ")}
        self._client: httpx.Client = self._httpx.Client(timeout=self._patience.timeout_s, headers=headers)

    def __call__(self, conversation: Conversation) -> Answer:
        """The answer. Raises `HostedAPIError`, or `Unauthorized` where the key is missing or not accepted."""
        return self._read(self._post(self._payload(conversation)))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __repr__(self) -> str:
        return f"ChatEndpoint({self._where!r})"

    def _payload(self, conversation: Conversation) -> dict[str, Any]:
        messages = [{"role": message.role, "content": clean(message.content)} for message in conversation.messages]
        asked: dict[str, Any] = {"model": self._model, "messages": messages, "temperature": 0}
        if conversation.max_tokens is not None:
            asked["max_tokens"] = conversation.max_tokens
        if conversation.top_logprobs:
            asked |= {"logprobs": True, "top_logprobs": conversation.top_logprobs}
        return {name: value for name, value in {**asked, **self._options}.items() if value is not None}

    def _post(self, payload: Mapping[str, Any]) -> httpx.Response:
        """The first answer that is no failure; failures that may pass are tried again for as long as patience lasts."""
        patience, deadline = self._patience, Deadline(self._patience.total_s, self._world)
        attempt = 0
        while True:
            attempt, asked = attempt + 1, None
            seconds = max(_SHORTEST_S, min(patience.timeout_s, deadline.left()))
            try:
                response = self._client.post(self._url, json=payload, timeout=seconds)
            except self._httpx.RequestError as error:
                problem = self._failed(f"{type(error).__name__}: {self._shown(str(error))}")
            else:
                if response.is_success:
                    return response
                if response.status_code in (401, 403):
                    raise Unauthorized(self._told(response, f"Set {KEY_VARIABLE} to a key that it accepts."))
                problem = HostedAPIError(self._told(response, "Try later, or look at the request with its operator."))
                if response.status_code not in AGAIN:
                    raise problem
                asked = retry_after(response.headers.get("Retry-After"), self._world.now())
            wait = patience.wait(attempt, asked, self._world.chance())
            if attempt == patience.attempts or wait >= deadline.left():
                raise problem
            deadline.sleep(wait)

    def _read(self, response: httpx.Response) -> Answer:
        try:
            choice = response.json()["choices"][0]
            text = choice["message"]["content"]
            places = (choice.get("logprobs") or {}).get("content") or []
            tokens = [
                {str(one["token"]): float(one["logprob"]) for one in place.get("top_logprobs") or ()}
                for place in places
            ]
        except (ValueError, LookupError, TypeError, AttributeError):
            # Without its cause, as everywhere here: that may quote what the server sent, and servers quote keys.
            raise self._failed(f"its answer is no chat completion ({self._shown(response.text)})") from None
        if text is not None and not isinstance(text, str):
            raise self._failed(f"its answer's content is no text ({self._shown(str(text))})")
        known = [{token: value for token, value in place.items() if not math.isnan(value)} for place in tokens]
        return Answer(text or "", known)

    def _told(self, response: httpx.Response, remedy: str) -> str:
        return f"{self._where}: status {response.status_code}: {self._shown(response.text)}. {remedy}"

    def _failed(self, why: str) -> HostedAPIError:
        return HostedAPIError(f"{self._where}: {why}. Check that it runs and speaks OpenAI's chat format.")

    def _shown(self, text: str) -> str:
        """A server's words for a message: the key is taken out first, since a cut through it would leave its half."""
        hidden = text if self._key is None else self._key.hidden_in(text)
        return repr(hidden[:_SHOWN])


def _httpx() -> ModuleType:
    try:
        import httpx
    except ImportError as error:
        raise MissingExtra("An endpoint", "hosted") from error
    return httpx
