from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from secondpass.errors import InputError, Overloaded, Unauthorized
from secondpass.server.keys import Key, Keys, keys_of
from secondpass.server.settings import Settings


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def key(secret: str, **limits: int) -> Key:
    return Key(secret, hashlib.sha256(secret.encode()).hexdigest(), **limits)


def test_without_keys_everyone_may_ask() -> None:
    assert Keys().named({}) is None


def test_a_server_that_others_can_reach_needs_keys() -> None:
    with pytest.raises(InputError, match="--no-keys"):
        keys_of(Settings(host="0.0.0.0"), {})
    assert not keys_of(Settings(host="0.0.0.0", no_keys=True), {}).asked_for
    assert keys_of(Settings(host="0.0.0.0"), {"SECONDPASS_KEYS": "alice:secret"}).asked_for


def test_keys_of_the_environment_have_names() -> None:
    keys = keys_of(Settings(), {"SECONDPASS_KEYS": "alice:secret other"})
    alice, other = keys.named({"authorization": "Bearer secret"}), keys.named({"api-key": "other"})
    assert alice is not None
    assert other is not None
    assert (alice.name, other.name) == ("alice", "key-2")


def test_a_file_may_hold_hashes_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(f'[alice]\nsha256 = "{key("secret").sha256}"\ntokens_per_minute = 5\n', encoding="utf-8")
    found = keys_of(Settings(keys_file=str(path)), {}).named({"x-api-key": "secret"})
    assert found == Key("alice", key("secret").sha256, None, 5)


@pytest.mark.parametrize("text", ["[a]\n", "[a", '[a]\nsha256 = "12"\n', '[a]\nkey = "x"\nrequests_per_minute = 0\n'])
def test_a_file_that_cannot_be_used_is_refused_without_its_contents(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"keys\.toml"):
        keys_of(Settings(keys_file=str(path)), {})


def test_the_message_does_not_repeat_a_wrong_key() -> None:
    with pytest.raises(Unauthorized) as told:
        Keys([key("secret")]).named({"authorization": "Bearer wrong"})
    assert "wrong" not in str(told.value)


def test_requests_come_back_as_time_goes_on() -> None:
    clock = Clock()
    mine = key("mine", requests_per_minute=6)
    keys = Keys([mine], clock)
    for _ in range(6):
        keys.admit(mine)
    with pytest.raises(Overloaded) as told:
        keys.admit(mine)
    assert told.value.retry_after == pytest.approx(10)
    clock.now += 10
    keys.admit(mine)


def test_tokens_that_were_spent_too_many_are_waited_for() -> None:
    clock = Clock()
    mine = key("mine", tokens_per_minute=60)
    keys = Keys([mine], clock)
    keys.admit(mine)
    keys.spend(mine, 119)
    with pytest.raises(Overloaded) as told:
        keys.admit(mine)
    assert told.value.retry_after == pytest.approx(60)
    clock.now += 60
    keys.admit(mine)
