"""`secondpass rank`: documents from files or stdin, best first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secondpass.cli import options, output, source
from secondpass.types import Document

if TYPE_CHECKING:
    from secondpass.ranking.reranker import Reranker
    from secondpass.types import Ranking

SOON_DONE = 1000
"""Below so many documents, the half second that OpenVINO takes to start is more than it saves."""


def rank(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What to rank for.", show_default=False)],
    files: options.Files = None,
    model: Annotated[
        str, typer.Option(help="A built-in model, a folder, a hub id, a hosted model, a hybrid or a cascade.")
    ] = "embedded",
    top: Annotated[int | None, typer.Option(min=1, help="Show the best N.", show_default=False)] = None,
    min_score: Annotated[
        float | None, typer.Option(min=0, max=1, help="Show scores from here up.", show_default=False)
    ] = None,
    instruction: Annotated[str | None, typer.Option(help="What to prefer, in words.", show_default=False)] = None,
    file_format: options.FileFormat = None,
    text_field: options.TextField = None,
    id_field: options.IdField = None,
    title_field: options.TitleField = None,
    field: Annotated[list[str] | None, typer.Option(help="Read this field too; may be repeated.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="The longest input to read. [default: the model's own limit]")
    ] = None,
    max_query_tokens: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="With --truncation reference: the longest query to read. With --query-policy chunk: its longest "
            "chunk. [default: all of it]",
        ),
    ] = None,
    truncation: Annotated[
        options.Truncation, typer.Option(help="What to cut: the document alone, or what the model's authors cut.")
    ] = "document",
    policy: Annotated[
        options.Policy, typer.Option(help="What to do with a longer one: cut its end, read it in chunks, or refuse it.")
    ] = "truncate",
    chunk_by: Annotated[
        options.ChunkBy, typer.Option(help="With --policy chunk: where chunks end; see docs/long-documents.")
    ] = "tokens",
    overlap: Annotated[int, typer.Option(min=0, help="With --policy chunk: the tokens that neighbours share.")] = 80,
    aggregate: Annotated[
        options.Aggregate, typer.Option(help="With --policy chunk: what counts of the chunks' logits.")
    ] = "max",
    query_policy: Annotated[
        options.QueryPolicy, typer.Option(help="What to do with a long query: refuse it, or read it in chunks too.")
    ] = "refuse",
    backend: options.Backend = "auto",
    precision: options.Precision = "auto",
    device: options.Device = "auto",
    recipe: options.Recipe = None,
    revision: options.Revision = None,
    now: Annotated[
        str | None, typer.Option(metavar="DATE", help="The day that dates are held against. [default: today]")
    ] = None,
    rules: Annotated[
        bool, typer.Option(help="Apply what the instruction says of time, source, type, version and language.")
    ] = True,
    signal: Annotated[
        str | None,
        typer.Option(
            "--signals",
            metavar="A,B,...",
            help="What counts beside the model: recency=30d@date, confidence, frequency, entities; see docs/signals.",
            show_default=False,
        ),
    ] = None,
    budget_ms: Annotated[
        float | None, typer.Option(help="The milliseconds that the ranking may take.", show_default=False)
    ] = None,
    collapse: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=1, help="Leave out what is as alike as this to a better one: 0.9.", show_default=False
        ),
    ] = None,
    diversify: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Prefer what is new among the first: 0.7; 1 is relevance alone.", show_default=False
        ),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Probabilities: what calibrate wrote.", show_default=False)
    ] = None,
    renderer: Annotated[
        int | None,
        typer.Option(
            help="How documents are written out: 1, or 2, which finds structure; see render.", show_default=False
        ),
    ] = None,
    as_json: options.AsJson = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show logit, tokens, cuts, chunks, spans and signals too.")
    ] = False,
) -> None:
    """Rank documents for a query."""
    candidates = source.read(files or [], source.Fields(text_field, id_field, title_field), file_format)
    import secondpass

    with secondpass.load(
        model,
        backend=_quickest(model, backend, precision, device, len(candidates)),
        precision=precision,
        device=device,
        recipe=recipe,
        revision=revision,
        policy=policy,
        max_tokens=max_tokens,
        max_query_tokens=max_query_tokens,
        chunk_by=chunk_by,
        overlap=overlap,
        aggregate=aggregate,
        query_policy=query_policy,
        truncation=truncation,
        calibration=calibration,
        renderer=renderer,
    ) as loaded:
        ranking = _with_signals(loaded, signal).rank(
            query,
            [candidate.document for candidate in candidates],
            instruction=instruction,
            top_n=top if collapse is None and diversify is None else None,
            min_score=min_score,
            fields=tuple(field or ()),
            now=now,
            rules=rules,
            budget_ms=budget_ms,
        )
    ranking = _spread(ranking, collapse, diversify, top)
    if as_json:
        output.write_json(_as_json(ranking, candidates))
    else:
        _show(ranking, candidates, explain=explain)
    _tell(ranking, policy, explain=explain)


def _with_signals(reranker: Reranker, text: str | None) -> Reranker:
    if text is None:
        return reranker
    from secondpass.ranking.signals.parse import signals

    return reranker.with_signals(*signals(text))


def _spread(ranking: Ranking, similarity: float | None, weight: float | None, top: int | None) -> Ranking:
    """Without near-duplicates, and with what is different further up, as far as it is wanted."""
    if similarity is not None:
        from secondpass.ranking.duplicates import collapse

        ranking = collapse(ranking, similarity=similarity)
    if weight is not None and ranking:
        from secondpass.ranking.diversity import diversify

        ranking = diversify(ranking, weight=weight, top_n=top or len(ranking))
    return ranking[:top]


def _quickest(model: str, backend: str, precision: str, device: str, documents: int) -> str:
    """The backend that has a process's only ranking done first: for few documents, the one that starts first.

    A checkpoint may have no ONNX file, so where torch could read it the choice stays open.
    """
    from secondpass.backends.choose import formats
    from secondpass.models.catalog import built_in

    if (backend, precision, device) != ("auto", "auto", "auto") or documents >= SOON_DONE:
        return backend
    return "onnxruntime" if model in built_in() or formats("auto") == ("onnx",) else backend


def _as_json(ranking: Ranking, candidates: list[source.Candidate]) -> dict[str, Any]:
    hits = [{**hit.to_dict(), "source": candidates[hit.index].place} for hit in ranking]
    return {**ranking.to_dict(), "hits": hits}


def _show(ranking: Ranking, candidates: list[source.Candidate], *, explain: bool) -> None:
    columns = {"rank": list(map(str, range(1, len(ranking) + 1))), "score": [f"{hit.score:.4f}" for hit in ranking]}
    if explain:
        columns |= _explained(ranking)
    columns["id"] = [hit.id if hit.id is not None else candidates[hit.index].place for hit in ranking]
    titles = [hit.document.title or "" if isinstance(hit.document, Document) else "" for hit in ranking]
    if any(titles):
        columns["title"] = titles
    columns["text"] = [hit.passage if hit.passages and hit.passage else hit.text for hit in ranking]
    rows = list(zip(*columns.values(), strict=True))
    output.write_table(list(columns), rows, title=f"{ranking.query} · {ranking.model}", snippet=True)


def _explained(ranking: Ranking) -> dict[str, list[str]]:
    """What was read of each document, each signal that moved a logit, and what a hybrid's models made of it."""
    columns = {
        "logit": [f"{hit.logit:.4f}" for hit in ranking],
        "tokens": [str(hit.tokens) for hit in ranking],
        "cut": ["yes" if hit.truncated else "no" for hit in ranking],
        "chunks": [str(hit.chunks) for hit in ranking],
    }
    if any(hit.passage is not None for hit in ranking):
        columns["span"] = ["{}:{}".format(*hit.span) if hit.span else "" for hit in ranking]
    for name in dict.fromkeys(name for hit in ranking for name in hit.signals):
        columns[name] = [f"{hit.signals[name]:+.4f}" if name in hit.signals else "" for hit in ranking]
    if any(hit.probability is not None for hit in ranking):
        columns["probability"] = ["" if hit.probability is None else f"{hit.probability:.3f}" for hit in ranking]
    for name in dict.fromkeys(name for hit in ranking for name in hit.parts):
        columns[name] = [f"{hit.parts[name]:.4f}" if name in hit.parts else "" for hit in ranking]
    return columns


def _tell(ranking: Ranking, policy: str, *, explain: bool) -> None:
    """What was cut and what ran out of time; explained, also what was understood and what each stage did."""
    cut = sum(hit.truncated and hit.chunks > 0 for hit in ranking)
    if cut and policy == "truncate":
        output.note(f"{cut} of {len(ranking)} documents are longer than was read; --policy chunk reads them whole.")
    same = sum(len(hit.duplicates) for hit in ranking)
    if same:
        output.note(f"{same} near-duplicates of these are left out.")
    late = sum(hit.chunks == 0 for hit in ranking)
    if late:
        output.note(f"the time was over before {late} of {len(ranking)} documents were read; they come last.")
    if explain:
        for rule in ranking.rules:
            output.note(f"rule: {rule}")
        for stage in ranking.stages:
            ended = f", stopped: {stage.stopped}" if stage.stopped else ""
            output.note(f"stage {stage.model}: read {stage.read} of {stage.given} in {stage.seconds:.3f} s{ended}")
