from __future__ import annotations

import pickle

import pytest

from secondpass.errors import Unauthorized
from secondpass.hosted.key import Key, find_key
from secondpass.hosted.registry import provider_named

COHERE = provider_named("cohere")


def test_the_given_key_goes_before_the_environment_and_the_customary_variable_before_the_other() -> None:
    environ = {"COHERE_API_KEY": "second", "CO_API_KEY": "first\n"}
    found = [find_key(COHERE, given, environ) for given in ("given", None)]
    assert [key.header("Bearer ") for key in found if key] == ["Bearer given", "Bearer first"]
    other = find_key(COHERE, None, {"CO_API_KEY": "  ", "COHERE_API_KEY": "second"})
    assert other is not None
    assert other.source == "COHERE_API_KEY"


@pytest.mark.parametrize("secret", ["", "  ", "two words", "line\nbreak", "schlüssel", "nul\0"])
def test_a_key_that_no_header_can_carry_is_refused_without_repeating_it(secret: str) -> None:
    with pytest.raises(Unauthorized, match="The key in X") as caught:
        Key(secret, "X")
    assert not secret.strip() or secret not in str(caught.value)


def test_a_key_does_not_show_itself() -> None:
    key = Key("sk-123456", "CO_API_KEY")
    assert "123456" not in f"{key!r} {key} {[key]}"
    assert key.hidden_in("a sk-123456 b sk-123456") == "a [key] b [key]"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(key)
