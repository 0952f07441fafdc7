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

from secondpass.backends.network import Body, Chain, Classifier, Compression, Network
from secondpass.errors import InputError, ModelLoadError, UnknownModel, UntrainedHead
from secondpass.models import blocks, decoders, encoders, seq2seq
from secondpass.models.apart import RECIPES, Apart, family_of, separation
from secondpass.models.catalog import Row, find
from secondpass.models.chat import has_template, read_chat
from secondpass.models.converted import Converted, read_converted
from secondpass.models.modules import BY_VECTORS, Chat, Modules, read_modules
from secondpass.models.prompt_recipe import PromptRecipe, answer_rows, find_recipe, read_recipes
from secondpass.models.recipe import head_modules, read_activation, read_json, read_max_tokens
from secondpass.models.reference import Reference
from secondpass.models.separate import Separation
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


Driver = Literal["pair", "prompt", "duo", "blocks", "apart"]


@dataclass(frozen=True, slots=True)
class Plan:
    """The driver ("pair" lays out `[CLS] q [SEP] d [SEP]`, "prompt" asks about a document as `recipe` says, "duo" about
    two, "blocks" reads many at once, "apart" reads query and document by themselves as `separation` says), what the
    weights are built into, and in one line what decided so. `unverified`: why the logits may differ from those of the
    authors' code, "" where they were held against them. `reference`: how that code cuts a pair. `converted`: whether
    the graph was written by `secondpass convert`, with all that is computed in it."""

    driver: Driver
    network: Network
    reason: str
    recipe: PromptRecipe | None = None
    unverified: str = ""
    reference: Reference = "longest-first"
    separation: Separation | None = None
    converted: bool = False

    @property
    def graphs(self) -> bool:
        """Whether an ONNX file may hold all that is computed."""
        return self.converted or self.driver == "pair" or (self.separation is not None and self.separation.onnx)


def plan(
    folder: Path,
    name: str,
    *,
    recipe: str | None = None,
    cutoff: int | None = None,
    compression: Compression | None = None,
    graph_suffix: str = ".safetensors",
    adapter: Path | None = None,
) -> Plan:
    """How the checkpoint `name`, whose files but for the weights lie in `folder`, is read.

    `recipe` names a prompt recipe and goes before everything else. `cutoff`: how many layers are computed, of a model
    with a head behind each; `compression`: how documents are shortened, by the one that was trained so. `graph_suffix`
    ".onnx" means weights that hold their whole graph. `adapter` is the folder of a LoRA adapter, and `folder` then its
    base model's. Raises `UntrainedHead` where nothing was trained to score, `ModelLoadError` where this version cannot
    tell how the model is asked, or would need code of its authors, `InputError` for a recipe, a cutoff or a compression
    that there is not.
    """
    config, graph = read_json(folder / "config.json"), graph_suffix == ".onnx"
    here = _Checkpoint(folder, name, config, cutoff, compression, graph, adapter)
    note = read_converted(folder) if graph and adapter is None else None
    if note is not None:
        return _of_note(here, note, recipe)
    apart = RECIPES.get(recipe or "") or (here.apart if recipe is None else None)
    if apart is not None:
        return _apart(here, apart, f"recipe={recipe!r} was asked for" if recipe else f"its family is {apart}")
    if recipe is not None:
        return here.prompt(find_recipe(recipe), f"recipe={recipe!r} was asked for")
    if here.architecture == blocks.ARCHITECTURE:
        return here.blocks()
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
    compression: Compression | None
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
    def apart(self) -> Apart | None:
        """The family by which it reads query and document apart, as its files say, or else the catalogue."""
        listed: Mapping[str, Apart] = {family: family for family in RECIPES.values()}
        return family_of(self.folder) or (listed.get(self.row.family) if self.row else None)

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
        if self.config.get("model_type") in seq2seq.KINDS:
            return self._answers(recipe, reason, rows)
        shortened = self.compression
        made = decoders.network(
            self.config, recipe, rows, cutoff=self.cutoff, compression=shortened, adapter=self.adapter
        )
        if shortened is not None:
            decoders.require_layers(self.config, shortened)
        _require_known(self, made.body)
        return Plan("prompt", made, reason, recipe, unverified=decoders.unverified(self.config))

    def _answers(self, recipe: PromptRecipe, reason: str, rows: tuple[int, ...]) -> Plan:
        """An encoder-decoder that is asked as `recipe` says."""
        self._require_plain()
        made = seq2seq.network(self.config, rows)
        driver: Driver = "duo" if recipe.compares else "prompt"
        return Plan(driver, made, reason, recipe, unverified=seq2seq.UNVERIFIED.get(recipe.name, ""))

    def blocks(self) -> Plan:
        """A decoder that reads a block of documents at once."""
        self._require_plain()
        made = blocks.network(self.config)
        return Plan("blocks", made, f"config.json has {self.architecture}", unverified=blocks.UNVERIFIED)

    def _require_plain(self) -> None:
        """Raise where a choice of layers or an adapter was given, neither of which the families without any take."""
        self.refuse_layers()
        if self.adapter is not None:
            raise ModelLoadError(
                f"{self.adapter} is an adapter of a {self.config.get('model_type')}, and those of decoders that are "
                "asked with a prompt are read alone. Merge it with peft's merge_and_unload(), save the model, and load "
                "that."
            )

    def pair(self, reason: str) -> Plan:
        """A pair of texts, and the classifier of the architecture."""
        self.refuse_layers()
        made = Plan("pair", Network(), reason, reference=self.row.reference if self.row else "longest-first")
        if self.graph:
            return made
        if self.decoder:
            network = decoders.network(self.config, None, (), adapter=self.adapter)
            _require_known(self, network.body)
            return replace(made, network=network, unverified=decoders.unverified(self.config) or _PAIR_OF_A_DECODER)
        network = Network(encoders.body(self.config), Classifier(), self.adapter)
        return replace(made, network=network, unverified=encoders.unverified(self.config))

    def refuse_layers(self) -> None:
        """Raise `InputError` where what only models with a head behind each layer take was asked for."""
        if self.cutoff is not None:
            raise InputError(f"cutoff_layers={self.cutoff} is for models with a head behind each layer: leave it out.")
        if self.compression is not None:
            asked = f"compress_ratio={self.compression.ratio}"
            raise InputError(f"{asked} is for a model that was trained to shorten documents: leave it out.")

    def _rows(self, recipe: PromptRecipe) -> tuple[int, ...]:
        if recipe.true is None:
            return ()
        return answer_rows(recipe, TextEncoder.from_file(self.tokenizer))


def _of_note(here: _Checkpoint, note: Converted, recipe: str | None) -> Plan:
    """As `secondpass convert` noted beside its graph."""
    here.refuse_layers()
    if recipe is not None and (note.recipe is None or recipe != note.recipe.name):
        had = f"with the recipe {note.recipe.name!r}" if note.recipe else "without one"
        raise InputError(f"recipe={recipe!r} was asked for, and {here.name} was converted {had}: convert it anew.")
    reason = f"it was converted from {note.source}"
    return Plan(note.driver, Network(), reason, note.recipe, note.unverified, note.reference, converted=True)


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


def _apart(here: _Checkpoint, family: Apart, reason: str) -> Plan:
    """Query and document by themselves."""
    here.refuse_layers()
    told, head, body = separation(here.folder, family)
    if body is None and here.decoder:
        body = decoders.network(here.config, None, (0,)).body
        _require_known(here, body)
    body = encoders.body(here.config) if body is None else body
    doubtful = "" if here.decoder else encoders.unverified(here.config)
    return Plan("apart", Network(body, head, here.adapter), reason, unverified=doubtful, separation=told)


def _confirmed(made: Plan) -> Plan:
    """A pair's plan whose layout the files confirm, for they were written by what reads it so."""
    return replace(made, unverified="" if made.unverified == _PAIR_OF_A_DECODER else made.unverified)


def _chain(here: _Checkpoint, modules: Modules, reason: str) -> Plan:
    """A body with modules behind it, which are its head."""
    here.refuse_layers()
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
    if here.config.get("model_type") in seq2seq.KINDS and not here.classifies:
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
        f"{_HEAD}, such as cross-encoder/ms-marco-MiniLM-L6-v2. {BY_VECTORS}"
    )
