"""The openai engine against a small OpenAI-compatible server."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from curation.engines.open import open_engine
from curation.engines.protocol import Completion, Engine, EngineSettings, Request, Sampling
from curation.errors import CurateError

SAMPLING = Sampling(temperature=0.6, top_p=0.95)


@dataclass
class Endpoint:
    """A server that answers with the last message in capitals, and what it was asked."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    failures: list[int] = field(default_factory=list)
    """Statuses with which the next requests fail."""
    message: dict[str, Any] = field(default_factory=dict)
    """Fields of the answer's message beside or in place of its content."""
    usage: bool = True
    under_way: int = 0
    most_under_way: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer to a request."""
        self.asked.append(body)
        if self.failures:
            return self.failures.pop(0), {"error": {"message": "come again"}}
        content = body["messages"][-1]["content"]
        if len(content) > 1000:
            return 400, {"error": {"message": "This model's maximum context length is 1000 tokens."}}
        words = content.upper().split()
        message = {"role": "assistant", "content": " ".join(words[: body["max_tokens"]]), **self.message}
        reason = "length" if len(words) > body["max_tokens"] else "stop"
        used = {"prompt_tokens": 3, "completion_tokens": min(len(words), body["max_tokens"]), "total_tokens": 9}
        choices = [{"index": 0, "finish_reason": reason, "message": message}]
        done = {"id": "1", "object": "chat.completion", "created": 0, "model": body["model"], "choices": choices}
        return 200, done | ({"usage": used} if self.usage else {})


class Handler(BaseHTTPRequestHandler):
    """Hands a POST to the server's endpoint."""

    endpoint: Endpoint

    def do_POST(self) -> None:
        endpoint = self.endpoint
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with endpoint.lock:
            endpoint.under_way += 1
            endpoint.most_under_way = max(endpoint.most_under_way, endpoint.under_way)
            endpoint.keys.add(self.headers["Authorization"])
            status, answer = endpoint.answer(body)
        threading.Event().wait(0.01)
        with endpoint.lock:
            endpoint.under_way -= 1
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("retry-after-ms", "1")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    endpoint = Endpoint()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"endpoint": endpoint}))
    endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield endpoint
    server.shutdown()
    thread.join()
    server.server_close()


def engine_of(endpoint: Endpoint, **options: Any) -> Engine:
    return open_engine(EngineSettings(engine="openai", model="teacher", endpoint=endpoint.url, **options))


def ask(content: str, *, seed: int = 5, max_tokens: int = 9) -> Request:
    return Request(messages=(("system", "Be brief."), ("user", content)), seed=seed, max_tokens=max_tokens)


def test_answers_come_in_the_order_of_requests_with_bounded_concurrency(endpoint):
    made = engine_of(endpoint, max_concurrency=3).generate([ask(f"word {number}") for number in range(20)], SAMPLING)
    assert [one.text for one in made] == [f"WORD {number}" for number in range(20)]
    assert len(endpoint.asked) == 20
    assert 1 < endpoint.most_under_way <= 3


def test_the_request_is_sent_whole(endpoint):
    engine_of(endpoint, template_arguments={"enable_thinking": False}).generate([ask("hi", seed=2**40 + 5)], SAMPLING)
    assert endpoint.asked == [
        {
            "model": "teacher",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
            "seed": 5,
            "max_tokens": 9,
            "temperature": 0.6,
            "top_p": 0.95,
            "chat_template_kwargs": {"enable_thinking": False},
        }
    ]


def test_the_finish_reason_and_the_usage_are_the_servers(endpoint):
    [made, cut] = engine_of(endpoint).generate([ask("one two three"), ask("one two three", max_tokens=2)], SAMPLING)
    assert made == Completion(text="ONE TWO THREE", finish_reason="stop", num_prompt_tokens=3, num_tokens=3)
    assert cut == Completion(text="ONE TWO", finish_reason="length", num_prompt_tokens=3, num_tokens=2)


def test_what_fails_in_passing_is_asked_again(endpoint):
    endpoint.failures = [500, 429]
    made = engine_of(endpoint).generate([ask("one"), ask("two")], SAMPLING)
    assert [one.text for one in made] == ["ONE", "TWO"]
    assert len(endpoint.asked) == 4


def test_what_keeps_failing_is_an_error_that_names_endpoint_and_model(endpoint):
    endpoint.failures = [503] * 50
    with pytest.raises(CurateError, match=rf"{endpoint.url} did not answer for model teacher: .*come again"):
        engine_of(endpoint).generate([ask("one")], SAMPLING)
    assert len(endpoint.asked) == 7


def test_a_refusal_is_not_asked_again(endpoint):
    endpoint.failures = [401]
    with pytest.raises(CurateError, match="OPENAI_API_KEY if it wants a key"):
        engine_of(endpoint).generate([ask("one")], SAMPLING)
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thinking_kept_apart_is_put_in_front(endpoint, name):
    endpoint.message = {name: "I count."}
    [made] = engine_of(endpoint).generate([ask("three")], SAMPLING)
    assert made.text == "<think>I count.</think>THREE"


def test_a_message_without_content_is_empty(endpoint):
    endpoint.message = {"content": None}
    assert engine_of(endpoint).generate([ask("three")], SAMPLING)[0].text == ""


def test_a_prompt_that_is_too_long_gets_an_empty_answer(endpoint):
    [long, short] = engine_of(endpoint).generate([ask("x" * 1001), ask("two")], SAMPLING)
    assert (long.text, long.finish_reason) == ("", "length")
    assert short.text == "TWO"


def test_an_answer_without_usage_is_an_error(endpoint):
    endpoint.usage = False
    with pytest.raises(CurateError, match="no choices or no usage"):
        engine_of(endpoint).generate([ask("one")], SAMPLING)


def test_the_key_comes_from_the_environment(endpoint, monkeypatch):
    engine_of(endpoint).generate([ask("one")], SAMPLING)
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    engine_of(endpoint).generate([ask("one")], SAMPLING)
    assert endpoint.keys == {"Bearer none", "Bearer secret"}


def test_a_server_that_moves_is_the_same_teacher(endpoint):
    moved = EngineSettings(engine="openai", model="teacher", endpoint="http://elsewhere/v1")
    assert open_engine(moved).version == engine_of(endpoint).version
    assert engine_of(endpoint, revision="v2").version != engine_of(endpoint).version
