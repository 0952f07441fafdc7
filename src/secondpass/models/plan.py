"""How a checkpoint is read: as the caller says, else as its files say, else the catalogue, else its architecture.

Else it is refused, with the reason. Knows the files that publishers write and the catalogue; nothing of graphs and
backends. Code that comes with a checkpoint is never run, and there is no argument to ask for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from secondpass.backends.network import Body, Chain, Classifier, Network
from secondpass.errors import InputError, ModelLoadError, UnknownModel, UntrainedHead
from secondpass.models import decoders, encoders
from secondpass.models.catalog import Row, find
from secondpass.models.chat import has_template, read_chat
from secondpass.models.modules import Chat, Modules, read_modules
from secondpass.models.prompt_recipe import PromptRecipe, answer_rows, find_recipe, read_recipes
from secondpass.models.recipe import head_modules, read_activation, read_json, read_max_tokens
from secondpass.models.reference import Reference
from secondpass.models.template import has_pair_template
from secondpass.text.encode import TextEncoder

_HEAD = "ForSequenceClassification"
_LANGUAGE_MODEL = "ForCausalLM"
_OTHER_FAMILIES = ("ForConditionalGeneration", "ForRanking")
# Their classifier's name is an encoder's, but they read to the last token, and mostly a prompt.
# fmt: off
_DECODERS = frozenset((
    "bloom", "cohere", "cohere2", "cost_wise_gemma", "exaone4", "falcon", "gemma", "gemma2", "gemma3", "gemma3_text",
    "gemma4_text", "glm", "glm4", "gpt2", "gpt_neo", "gpt_neox", "gpt_oss", "gptj", "granite", "granitemoe", "llama",
    "llama_bidirec", "minicpm", "minicpm3", "ministral", "ministral3", "mistral", "mistral3", "mixtral", "mpt",
    "nemotron", "olmo", "olmo2", "olmo3", "opt", "phi", "phi3", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "qwen3_5",
    "qwen3_5_text", "smollm3", "stablelm", "starcoder2",
))
# fmt: on
_PAIR_OF_A_DECODER = "it is a decoder that is given a pair as its tokenizer joins one, and no file says that it was so"


@dataclass(frozen=True, slots=True)
class Plan:
    """The driver ("pair" lays out `[CLS] q [SEP] d [SEP]`, "prompt" asks a decoder as `recipe` says), what the weights
    are built into, and in one line what decided so. `unverified`: why the logits may differ from those of the authors'
    code, "" where they were held against them. `reference`: how that code cuts a pair."""

    driver: Literal["pair", "prompt"]
    network: Network
    reason: str
    recipe: PromptRecipe | None = None
    unverified: str = ""
    reference: Reference = "longest-first"


def plan(
    folder: Path,
    name: str,
    *,
    recipe: str | None = None,
    cutoff: int | None = None,
    graph_suffix: str = ".safetensors",
    adapter: Path | None = None,
) -> Plan:
    """How the checkpoint `name`, whose files but for the weights lie in `folder`, is read.

    `recipe` names a prompt recipe and goes before everything else. `cutoff`: how many layers are computed, of a model
    with a head behind each. `graph_suffix` ".onnx" means weights that hold their whole graph. `adapter` is the folder
    of a LoRA adapter, and `folder` then its base model's. Raises `UntrainedHead` where nothing was trained to score,
    `ModelLoadError` where this version cannot tell how the model is asked, or would need code of its authors,
    `InputError` for a recipe or cutoff that there is not.
    """
    here = _Checkpoint(folder, name, read_json(folder / "config.json"), cutoff, graph_suffix == ".onnx", adapter)
    if recipe is not None:
        return here.prompt(find_recipe(recipe), f"recipe={recipe!r} was asked for")
    modules = None if here.converted or adapter is not None else read_modules(folder)
    if modules is not None:
        return _of_modules(here, modules)
    if here.listed:
        return here.prompt(find_recipe(here.listed), f"the catalogue has it with the recipe {here.listed}")
    return _of_architecture(here)


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    """What is known of a checkpoint before anything is decided; `graph`: its weights hold their whole graph."""

    folder: Path
    name: str
    config: Mapping[str, Any]
    cutoff: int | None
    graph: bool
    adapter: Path | None

    @property
    def row(self) -> Row | None:
        """The catalogue's; None where it has none of that name."""
        try:
            return find(self.name)
        except UnknownModel:
            return None

    @property
    def listed(self) -> str:
        """The recipe that the catalogue has for it; "" for none."""
        return self.row.recipe if self.row else ""

    @property
    def architecture(self) -> str:
        return next(iter(self.config.get("architectures") or ()), "")

    @property
    def decoder(self) -> bool:
        return self.config.get("model_type") in _DECODERS or self.architecture.endswith(_LANGUAGE_MODEL)

    @property
    def classifies(self) -> bool:
        """Whether it has a classifier's head, its own or its adapter's."""
        if self.adapter is not None and read_json(self.adapter / "adapter_config.json").get("task_type") == "SEQ_CLS":
            return True
        return self.architecture.endswith(_HEAD)

    @property
    def converted(self) -> bool:
        """Whether its graph alone says what it is, its modules being in it or not."""
        return self.graph and not self.decoder

    @property
    def tokenizer(self) -> Path:
        own = (self.adapter or self.folder) / "tokenizer.json"
        return own if own.is_file() else self.folder / "tokenizer.json"

    def prompt(self, recipe: PromptRecipe, reason: str, rows: tuple[int, ...] | None = None) -> Plan:
        """A decoder that is asked as `recipe` says; `rows` where the files have the answers' ids."""
        if rows is None:
            rows = self._rows(recipe)
        made = decoders.network(self.config, recipe, rows, cutoff=self.cutoff, adapter=self.adapter)
        _require_known(self, made.body)
        return Plan("prompt", made, reason, recipe)

    def pair(self, reason: str) -> Plan:
        """A pair of texts, and the classifier of the architecture."""
        if self.cutoff is not None:
            raise InputError(f"cutoff_layers={self.cutoff} is for models with a head behind each layer: leave it out.")
        made = Plan("pair", Network(), reason, reference=self.row.reference if self.row else "longest-first")
        if self.graph:
            return made
        if self.decoder:
            network = decoders.network(self.config, None, (), adapter=self.adapter)
            _require_known(self, network.body)
            return replace(made, network=network, unverified=_PAIR_OF_A_DECODER)
        network = Network(encoders.body(self.config), Classifier(), self.adapter)
        return replace(made, network=network, unverified=encoders.unverified(self.config))

    def _rows(self, recipe: PromptRecipe) -> tuple[int, ...]:
        if recipe.true is None:
            return ()
        return answer_rows(recipe, TextEncoder.from_file(self.tokenizer))


def _of_modules(here: _Checkpoint, modules: Modules) -> Plan:
    """As sentence-transformers would read it."""
    reason = f"modules.json has {', '.join(modules.kinds)}"
    if not modules.rows and not modules.steps and not here.classifies:
        raise _untrained(here)
    if modules.chat is None and modules.rows:
        if here.listed:  # an older revision of it
            return here.prompt(find_recipe(here.listed), f"the catalogue has it with {here.listed}", modules.rows)
        raise _no_prompt(here, "has a LogitScore, and no settings for a chat template that would say how it is asked")
    if modules.chat is None:
        return _chain(here, modules, reason) if modules.steps else _confirmed(here.pair(reason))
    recipe = _chat_recipe(here, modules, modules.chat)
    if modules.steps:
        return replace(_chain(here, modules, reason), driver="prompt", recipe=recipe)
    if here.decoder:
        return here.prompt(recipe, reason, modules.rows)
    return replace(here.pair(reason), driver="prompt", recipe=recipe)


def _confirmed(made: Plan) -> Plan:
    """A pair's plan whose layout the files confirm, for they were written by what reads it so."""
    return replace(made, unverified="" if made.unverified == _PAIR_OF_A_DECODER else made.unverified)


def _chain(here: _Checkpoint, modules: Modules, reason: str) -> Plan:
    """A body with modules behind it, which are its head."""
    if here.cutoff is not None:
        raise InputError(f"cutoff_layers={here.cutoff} is for models with a head behind each layer: leave it out.")
    if here.decoder:
        body = decoders.network(here.config, None, (0,)).body
        _require_known(here, body)
    else:
        body = encoders.body(here.config)
    return Plan("pair", Network(body, Chain(modules.steps)), reason, unverified=encoders.unverified(here.config))


def _chat_recipe(here: _Checkpoint, modules: Modules, chat: Chat) -> PromptRecipe:
    """The chat template as a recipe; named after its text, so that a score's version follows it."""
    prompt = read_chat(here.folder, chat)
    text = f"{prompt.plain}\0{prompt.instructed}\0{modules.prompt}"
    return PromptRecipe(
        name=f"chat-{hashlib.sha256(text.encode()).hexdigest()[:8]}",
        plain=(prompt.plain,),
        instructed=(prompt.instructed,) if prompt.instructed else (),
        instruction=modules.prompt if prompt.instructed else "",
        true=modules.rows[0] if modules.rows else None,
        false=modules.rows[1] if len(modules.rows) > 1 else None,
        activation=read_activation(here.folder) or "sigmoid",
        max_tokens=chat.max_tokens or read_max_tokens(here.folder),
        reference="restored" if chat.restored else "whole",
        strip=prompt.strip,
    )


def _of_architecture(here: _Checkpoint) -> Plan:
    """By the class in config.json alone."""
    reason = f"config.json has {here.architecture or 'no architecture'}"
    if here.decoder and not (here.classifies and has_pair_template(read_json(here.tokenizer))):
        raise _no_prompt(here, "reads a prompt, and none of its files says which")
    if here.graph and (head_modules(here.folder) or not here.architecture):
        return here.pair(reason)  # what the graph gives tells whether it has a head
    if not here.classifies:
        raise _untrained(here)
    return here.pair(reason)


def _require_known(here: _Checkpoint, body: Body) -> None:
    """Refuse a decoder that only its authors' code could build, before its weights are fetched."""
    kind = str(body.settings.get("model_type", here.config.get("model_type", "")))
    if not here.config.get("auto_map") or find_spec("transformers") is None:
        return
    from transformers import CONFIG_MAPPING

    if kind not in CONFIG_MAPPING:
        raise ModelLoadError(
            f"{here.name} has the model_type {kind!r}, which transformers does not have: it needs code that comes with "
            "it. Code from a checkpoint is never run, and there is no trust_remote_code to ask for it. Choose another "
            "model: `secondpass models` lists some."
        )


def _no_prompt(here: _Checkpoint, what: str) -> ModelLoadError:
    chat = " Its chat template is for conversations." if has_template(here.folder) and not here.classifies else ""
    return ModelLoadError(
        f"{here.name} ({here.architecture or here.config.get('model_type')}) {what}.{chat} A score without the prompt "
        "that the model was trained with means nothing. Pass recipe= with the one that it follows: "
        f"{', '.join(read_recipes())}."
    )


def _untrained(here: _Checkpoint) -> ModelLoadError | UntrainedHead:
    if here.architecture.endswith(_OTHER_FAMILIES):
        return ModelLoadError(
            f"{here.name} is a {here.architecture}, a family that this version has no driver for. Choose another "
            "model: `secondpass models` lists some."
        )
    return UntrainedHead(
        f"{here.name} is a {here.architecture or 'model without an architecture in its config.json'}, which has no "
        f"trained head to score a pair with; scores would be random. Use a checkpoint whose architecture ends in "
        f"{_HEAD}, such as cross-encoder/ms-marco-MiniLM-L6-v2."
    )
