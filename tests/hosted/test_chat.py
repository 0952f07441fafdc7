"""Against a server on this machine that speaks OpenAI's chat format, and at times on purpose does not."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from secondpass.errors import HostedAPIError, InputError, Unauthorized
from secondpass.hosted.chat import ChatEndpoint
from secondpass.hosted.retry import Patience, World
from secondpass.models.listwise.conversation import Answer, Conversation, Message
from secondpass.models.listwise.scorer import ListwiseScorer
from secondpass.models.listwise.windows import Windows
from secondpass.ranking.reranker import Reranker

SECRET = "sk-very-secret-0123456789"
QUESTION = Conversation((Message("system", "Rank."), Message("user", "[1] a\n[2] b")), 7)

_PASSAGE = re.compile(r"^\[(\w+)\]:? value (\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server does with one request; `cut` hangs up in the middle of the body."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0
    cut: bool = False


def completion(text: str | None, top: list[dict[str, float]] | None = None) -> dict[str, Any]:
    """An answer as OpenAI's API reference gives it."""
    content = [
        {
            "token": next(iter(place)),
            "top_logprobs": [{"token": t, "logprob": v} for t, v in place.items()],
        }
        for place in top or []
    ]
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {
        "index": 0,
        "message": message,
        "logprobs": {"content": content} if top else None,
        "finish_reason": "stop",
    }
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": "m", "choices": [choice]}


def oracle(request: Mapping[str, Any]) -> Reply:
    """Ranks passages by the number that they hold, in text and, where asked, in log-probabilities."""
    passages = _PASSAGE.findall("\n".join(message["content"] for message in request["messages"]))
    ranked = [name for name, _ in sorted(passages, key=lambda passage: -int(passage[1]))]
    top = (
        [{"[": -0.1}, {name: -float(rank) for rank, name in enumerate(ranked, 1)}] if request.get("logprobs") else None
    )
    return Reply(completion(" > ".join(f"[{name}]" for name in ranked), top))


class Endpoint(ThreadingHTTPServer):
    """Gives the scripted replies one after the other, then those of `otherwise`; keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Reply] = []
        self.otherwise: Callable[[Mapping[str, Any]], Reply] = oracle
        self.asked: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append({"path": self.path, **request})
        self.server.headers.append(dict(self.headers.items()))
        reply = self.server.script.pop(0) if self.server.script else self.server.otherwise(request)
        time.sleep(reply.after_s)
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.close_connection = True
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if reply.cut else body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class' name
        """Keeps the test's output clean."""


@pytest.fixture
def server() -> Iterator[Endpoint]:
    with Endpoint() as endpoint:
        thread = threading.Thread(target=endpoint.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield endpoint
        endpoint.shutdown()
        thread.join()


@pytest.fixture
def waits() -> list[float]:
    """How long the endpoint under test has waited before it tried again."""
    return []


@pytest.fixture
def chat(server: Endpoint, waits: list[float]) -> Iterator[ChatEndpoint]:
    made = ChatEndpoint(
        "m",
        base_url=server.url,
        api_key=SECRET,
        patience=Patience(timeout_s=5, total_s=60, attempts=3, first_wait_s=0.5),
        world=World(sleep=waits.append, chance=lambda: 0.0),
    )
    yield made
    made.close()


def test_a_request_is_written_as_the_api_reference_has_it(server: Endpoint, chat: ChatEndpoint) -> None:
    server.otherwise = lambda _: Reply(completion("[2] > [1]"))
    assert chat(QUESTION).top_logprobs == []
    chat(Conversation(QUESTION.messages, top_logprobs=20))
    messages = [{"role": "system", "content": "Rank."}, {"role": "user", "content": "[1] a\n[2] b"}]
    common = {"path": "/v1/chat/completions", "model": "m", "messages": messages, "temperature": 0}
    assert server.asked == [{**common, "max_tokens": 7}, {**common, "logprobs": True, "top_logprobs": 20}]
    assert server.headers[0]["Authorization"] == f"Bearer {SECRET}"


def test_an_answer_is_read_with_its_logprobs(server: Endpoint, chat: ChatEndpoint) -> None:
    server.script = [Reply(completion("[B", [{"[": -0.5}, {"B": -0.25, "A": float("nan"), "C": -9999.0}]))]
    assert chat(QUESTION) == Answer("[B", [{"[": -0.5}, {"B": -0.25, "C": -9999.0}])


def test_an_answer_without_text_is_an_empty_one(server: Endpoint, chat: ChatEndpoint) -> None:
    server.script = [Reply(completion(None))]
    assert chat(QUESTION) == Answer("", [])


def test_options_add_fields_and_take_them_away(server: Endpoint) -> None:
    options = {"temperature": None, "max_tokens": None, "max_completion_tokens": 500}
    chat = ChatEndpoint("m", base_url=f"{server.url}/", options=options, environ={})
    chat(QUESTION)
    chat.close()
    assert set(server.asked[0]) == {"path", "model", "messages", "max_completion_tokens"}
    assert server.asked[0]["path"] == "/v1/chat/completions"
    assert "Authorization" not in server.headers[0]


def test_the_key_comes_from_the_environment(server: Endpoint) -> None:
    chat = ChatEndpoint("m", base_url=server.url, environ={"OPENAI_API_KEY": f" {SECRET}\n"})
    chat(QUESTION)
    chat.close()
    assert server.headers[0]["Authorization"] == f"Bearer {SECRET}"


def test_what_may_pass_is_tried_again_after_a_while(server: Endpoint, chat: ChatEndpoint, waits: list[float]) -> None:
    server.script = [Reply(status=429, headers={"Retry-After": "7"}), Reply(status=503), Reply(completion("[2]"))]
    assert chat(QUESTION).text == "[2]"
    assert waits == [7.0, 0.5]


def test_retry_after_may_be_a_date(server: Endpoint, waits: list[float]) -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=9), usegmt=True)
    server.script = [Reply(status=429, headers={"Retry-After": later})]
    world = World(sleep=waits.append, now=lambda: now, chance=lambda: 0.0)
    chat = ChatEndpoint("m", base_url=server.url, world=world, environ={})
    chat(QUESTION)
    chat.close()
    assert waits == [9.0]


def test_half_a_body_is_asked_for_again(server: Endpoint, chat: ChatEndpoint) -> None:
    server.script = [Reply(completion("[1] > [2]"), cut=True), Reply(completion("[2] > [1]"))]
    assert chat(QUESTION).text == "[2] > [1]"


@pytest.mark.parametrize(("status", "tries"), [(500, 3), (429, 3), (400, 1), (404, 1), (302, 1)])
def test_failures_end_in_an_error_that_says_what_and_where(
    server: Endpoint, chat: ChatEndpoint, status: int, tries: int
) -> None:
    server.otherwise = lambda _: Reply({"error": {"message": "no such thing"}}, status)
    with pytest.raises(HostedAPIError, match=rf"m at 127\.0\.0\.1:\d+: status {status}: .*no such thing"):
        chat(QUESTION)
    assert len(server.asked) == tries


def test_no_more_is_tried_than_the_time_allows(server: Endpoint, chat: ChatEndpoint, waits: list[float]) -> None:
    server.otherwise = lambda _: Reply(status=429, headers={"Retry-After": "3600"})
    with pytest.raises(HostedAPIError, match="429"):
        chat(QUESTION)
    assert (len(server.asked), waits) == (1, [])


def test_a_slow_server_is_given_up(server: Endpoint) -> None:
    server.otherwise = lambda _: Reply(completion("[1]"), after_s=0.5)
    chat = ChatEndpoint("m", base_url=server.url, patience=Patience(timeout_s=0.05, attempts=1), environ={})
    with pytest.raises(HostedAPIError, match="ReadTimeout"):
        chat(QUESTION)
    chat.close()


def test_nobody_at_home_is_an_error_with_the_address() -> None:
    with Endpoint() as gone:
        url, port = gone.url, gone.server_port
    chat = ChatEndpoint("m", base_url=url, patience=Patience(attempts=1), environ={})
    with pytest.raises(HostedAPIError, match=f"127.0.0.1:{port}: ConnectError"):
        chat(QUESTION)
    chat.close()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>hello</html>",
        b"\xff\xfe",
        [],
        {},
        {"choices": []},
        {"choices": [{"message": None}]},
        {"choices": [{"message": {"content": ["[1]"]}}]},
        {"choices": [{"message": {"content": "[1]"}, "logprobs": {"content": [{"top_logprobs": [{"token": "A"}]}]}}]},
        {"choices": [{"message": {"content": "[1]"}, "logprobs": {"content": [3]}}]},
    ],
)
def test_what_is_no_completion_is_an_error(server: Endpoint, chat: ChatEndpoint, body: Any) -> None:
    server.script = [Reply(body)]
    with pytest.raises(HostedAPIError, match="answer"):
        chat(QUESTION)


@pytest.mark.parametrize("status", [401, 403, 400, 500])
def test_no_error_shows_the_key(server: Endpoint, chat: ChatEndpoint, status: int) -> None:
    server.otherwise = lambda _: Reply({"error": {"message": f"Incorrect API key provided: {SECRET}."}}, status)
    with pytest.raises(Unauthorized if status in (401, 403) else HostedAPIError, match=r"Incorrect API key") as caught:
        chat(QUESTION)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(chat)


def test_no_part_of_a_key_is_left_where_a_message_is_cut(server: Endpoint, chat: ChatEndpoint) -> None:
    for length in range(180, 205):
        server.script = [Reply(b"x" * length + SECRET.encode() + b"x" * 300, 400)]
        with pytest.raises(HostedAPIError) as caught:
            chat(QUESTION)
        assert SECRET[:3] not in str(caught.value)


def test_any_text_can_be_sent(server: Endpoint, chat: ChatEndpoint) -> None:
    server.script = [Reply(completion("[1]"))]
    chat(Conversation((Message("user", "half \ud83d of 😀 and \x00"),)))
    assert server.asked[0]["messages"][0]["content"] == "half \ufffd of 😀 and \x00"


@pytest.mark.parametrize("url", ["", "localhost:8000/v1", "ftp://host/v1", "https://", "https://me:word@host/v1"])
def test_an_address_that_is_none_is_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(InputError, match="base_url") as caught:
        ChatEndpoint("m", base_url=url, environ={})
    assert "word@" not in str(caught.value)


@pytest.mark.parametrize("recipe", ["rankgpt", "rankzephyr", "first", "lighton-lw"])
def test_a_list_is_ranked_over_the_wire(server: Endpoint, chat: ChatEndpoint, recipe: str) -> None:
    documents = [f"value {(7 * i) % 25}" for i in range(25)]
    ranking = Reranker(ListwiseScorer("m", chat, recipe=recipe)).rank("highest", documents)
    assert [hit.text for hit in ranking[:2]] == ["value 24", "value 23"]
    assert sorted(hit.index for hit in ranking) == list(range(25))
    assert not ranking.degraded
    assert all(0 < hit.score < 1 for hit in ranking)


def test_a_window_that_stays_out_leaves_its_mark(server: Endpoint, chat: ChatEndpoint) -> None:
    server.script = [Reply(status=400, body="too long")]
    scorer = ListwiseScorer("m", chat, windows=Windows(4, 2), on_failure="keep")
    ranking = Reranker(scorer).rank("highest", [f"value {i}" for i in range(6)])
    assert ranking.degraded
    assert [hit.index for hit in ranking] == [3, 2, 1, 0, 4, 5]


def test_garbage_keeps_the_order_and_leaves_its_mark(server: Endpoint, chat: ChatEndpoint) -> None:
    server.otherwise = lambda _: Reply(completion("As a language model, I would rather not."))
    ranking = Reranker(ListwiseScorer("m", chat)).rank("highest", ["a", "b", "c"])
    assert [hit.index for hit in ranking] == [0, 1, 2]
    assert ranking.degraded
