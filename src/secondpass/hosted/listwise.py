"""Listwise recipes over a chat endpoint by name: `rankgpt:gpt-4o-mini`.

Knows which names those are; the recipes are in `models.listwise`, the endpoint in `hosted.chat`.
"""

from __future__ import annotations

from secondpass.errors import UnknownModel
from secondpass.hosted.chat import OPENAI, ChatEndpoint
from secondpass.models.listwise.recipe import list_recipes
from secondpass.models.listwise.scorer import ListwiseScorer


def is_listwise(name: str) -> bool:
    """Whether a model's name is `recipe:model` for a listwise recipe that there is."""
    recipe, colon, _ = name.partition(":")
    return bool(colon) and recipe in list_recipes()


def open_listwise(name: str, *, base_url: str | None = None, api_key: str | None = None) -> EndpointScorer:
    """The scorer that asks the model of `recipe:model` by that recipe, at OpenAI's address unless another is given.

    Raises `UnknownModel` for a name without a recipe or a model, and what `ChatEndpoint` does.
    """
    recipe, _, model = name.partition(":")
    if not is_listwise(name) or not model.strip():
        raise UnknownModel(
            f"{name!r} does not say which model to ask how: write 'RECIPE:MODEL', with one of the recipes "
            f"{', '.join(list_recipes())}."
        )
    endpoint = ChatEndpoint(model, base_url=OPENAI if base_url is None else base_url, api_key=api_key)
    return EndpointScorer(name, endpoint, recipe)


class EndpointScorer(ListwiseScorer):
    """A `ListwiseScorer` that owns the endpoint that it asks."""

    def __init__(self, name: str, endpoint: ChatEndpoint, recipe: str) -> None:
        super().__init__(name, endpoint, recipe=recipe)
        self._endpoint = endpoint

    def close(self) -> None:
        """Close the endpoint's connections. Closing twice does nothing."""
        self._endpoint.close()
