"""Checkpoints that sentence-transformers saved, with a chat template: our scores are its own, 1e-4 in fp32."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import secondpass
from tests.decoders import write_decoder
from tests.parity.record import Parity

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")

QUERY = "who wrote the book?"
INSTRUCTION = "prefer the newest source"
DOCUMENTS = (
    "the panda is a bear",
    "a",
    "",
    "  the river. \n\n is in the sea\n",
    "numbers such as 12, { braces } and <b>tags</b> & more. " * 3,
)
SELECT = "messages | selectattr('role', 'eq', '{role}') | map(attribute='content') | first"
QWEN = (
    "{{%- set instruction = {system} | default('Given a web search query, retrieve relevant passages') -%}}\n"
    "<|im_start|>system\nJudge whether the Document meets the requirements.<|im_end|>\n<|im_start|>user\n"
    "<Instruct>: {{{{ instruction }}}}\n<Query>: {{{{ {query} }}}}\n<Document>: {{{{ {document} }}}}<|im_end|>\n"
    "<|im_start|>assistant\n<think>\n\n</think>\n\n"
).format(**{role: SELECT.format(role=role) for role in ("system", "query", "document")})
FIXED = QWEN + '{{ "" }}'  # else the template's last newline is lost
LOOPED = (
    "{%- for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content | trim }}<|im_end|>\n{% endfor %}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TAILED = (
    "Check whether a given document contains information helpful to answer the query.\n"
    f"<Document> {{{{ {SELECT.format(role='document')} }}}}\n<Query> {{{{ {SELECT.format(role='query')} }}}}"
    f"{{% for m in messages if m.role == 'system' %}} {{{{ m.content }}}}{{% endfor %}} ??"
)
TEMPLATES = {"newline-kept": FIXED, "newline-lost": QWEN, "trimmed-roles": LOOPED, "document-first": TAILED}


def save(folder: Path, template: str, *, prompts: dict[str, str] | None = None, **settings: Any) -> Path:
    """A tiny Qwen3 as sentence-transformers saves a decoder reranker."""
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.cross_encoder.modules import LogitScore

    plain = write_decoder(folder.with_name(f"{folder.name}-plain"), "qwen3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformer = Transformer(
            str(plain),
            transformer_task="text-generation",
            processor_kwargs={"chat_template": template},
            processing_kwargs={"chat_template": {"add_generation_prompt": True}, **settings},
        )
        vocabulary = transformer.tokenizer.get_vocab()
        score = LogitScore(true_token_id=vocabulary["yes"], false_token_id=vocabulary["no"])
        default = "default" if prompts else None
        made = CrossEncoder(modules=[transformer, score], device="cpu", prompts=prompts, default_prompt_name=default)
        made.save_pretrained(str(folder))
    return folder


def reference(folder: Path) -> Any:
    from sentence_transformers import CrossEncoder

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CrossEncoder(str(folder), device="cpu")


def theirs(
    folder: Path, documents: Sequence[str], prompt: str | None = None, query: str = QUERY
) -> NDArray[np.float32]:
    pairs = [(query, document) for document in documents]
    found: NDArray[np.float32] = reference(folder).predict(pairs, prompt=prompt, show_progress_bar=False)
    return found


def ours(
    folder: Path, documents: Sequence[str], instruction: str | None = None, query: str = QUERY, **options: Any
) -> NDArray[np.float32]:
    with secondpass.load(folder, device="cpu", **options) as reranker:
        return reranker.score(query, documents, instruction=instruction, rules=False)


@pytest.fixture(scope="module", params=sorted(TEMPLATES))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("chat") / request.param, TEMPLATES[request.param])


@pytest.mark.parametrize("instruction", [None, INSTRUCTION])
def test_the_scores_are_those_of_sentence_transformers(folder: Path, instruction: str | None, parity: Parity) -> None:
    wanted = theirs(folder, DOCUMENTS, instruction)
    found = ours(folder, DOCUMENTS, instruction)
    assert np.ptp(wanted) > 0.01  # else the weights are such that nothing would show
    difference = float(np.abs(found - wanted).max())
    parity.record("chat templates", "sentence-transformers", version("sentence-transformers"), difference)
    assert difference <= 1e-4


def test_they_are_the_same_in_batches_of_any_size(folder: Path) -> None:
    together = ours(folder, DOCUMENTS)
    alone = [float(ours(folder, [document])[0]) for document in DOCUMENTS]
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_what_is_too_long_is_cut_as_they_cut_it(folder: Path) -> None:
    documents = ["the river is in the sea. " * 200, "a book", "the panda " * 250]
    wanted = theirs(folder, documents)
    np.testing.assert_allclose(ours(folder, documents, truncation="reference"), wanted, atol=1e-4)


def test_by_default_the_templates_end_is_still_there_behind_a_long_document(folder: Path) -> None:
    from secondpass.models.load import load_scorer
    from secondpass.models.prompt import PromptModel
    from secondpass.text.encode import Limits

    model = load_scorer(folder, device="cpu")
    assert isinstance(model, PromptModel)
    short, long = model.read(QUERY, None, Limits(max_tokens=200))(["a", "the river is in the sea. " * 200])
    model.close()
    assert long.truncated
    tail = short.pieces[0].inputs.own[-4:]
    np.testing.assert_array_equal(long.pieces[0].inputs.own[-4:], tail)


def test_the_templates_last_newline_counts(tmp_path: Path) -> None:
    kept, lost = save(tmp_path / "kept", FIXED), save(tmp_path / "lost", QWEN)
    assert np.abs(ours(kept, DOCUMENTS) - ours(lost, DOCUMENTS)).max() > 1e-3


def test_a_default_prompt_is_the_instruction_where_none_is_given(tmp_path: Path) -> None:
    folder = save(tmp_path / "prompts", FIXED, prompts={"default": "find what answers the query", "other": "x"})
    np.testing.assert_allclose(ours(folder, DOCUMENTS), theirs(folder, DOCUMENTS), atol=1e-4)
    given = ours(folder, DOCUMENTS, INSTRUCTION)
    np.testing.assert_allclose(given, theirs(folder, DOCUMENTS, INSTRUCTION), atol=1e-4)
    assert np.abs(given - ours(folder, DOCUMENTS)).max() > 1e-4


def test_their_longest_prompt_is_ours(tmp_path: Path) -> None:
    folder = save(tmp_path / "longest", FIXED, text={"max_length": 128})
    documents = ["the river is in the sea. " * 20]
    wanted = theirs(folder, documents)
    np.testing.assert_allclose(ours(folder, documents, truncation="reference"), wanted, atol=1e-4)


def test_the_activation_is_the_one_that_was_saved(tmp_path: Path) -> None:
    folder = save(tmp_path / "raw", FIXED)
    path = folder / "config_sentence_transformers.json"
    published = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**published, "activation_fn": "torch.nn.modules.linear.Identity"}), encoding="utf-8")
    wanted = theirs(folder, DOCUMENTS)
    assert wanted.max() > 1 or wanted.min() < 0
    with secondpass.load(folder, device="cpu") as reranker:
        found = reranker.predict([(QUERY, document) for document in DOCUMENTS])
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_the_scores_stay_after_it_was_saved_again_by_them(folder: Path, tmp_path: Path) -> None:
    reference(folder).save_pretrained(str(tmp_path / "again"))
    np.testing.assert_allclose(ours(tmp_path / "again", DOCUMENTS), ours(folder, DOCUMENTS), atol=1e-6)


def test_a_template_in_the_tokenizers_configuration_is_found_too(tmp_path: Path) -> None:
    folder = save(tmp_path / "file", FIXED)
    moved = Path(shutil.copytree(folder, tmp_path / "moved"))
    (moved / "chat_template.jinja").unlink()
    path = moved / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**settings, "chat_template": FIXED}), encoding="utf-8")
    np.testing.assert_allclose(ours(moved, DOCUMENTS), ours(folder, DOCUMENTS), atol=1e-6)
