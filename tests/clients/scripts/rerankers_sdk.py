from rerankers.models.api_rankers import APIRanker
from told import Asked, tell

PATHS = {
    "cohere": "/v2/rerank",
    "jina": "/v1/rerank",
    "voyage": "/v1/rerank",
    "mixedbread.ai": "/v1/reranking",
    "pinecone": "/rerank",
    "isaacus": "/v1/rerankings",
    "text-embeddings-inference": "/rerank",
}


def rank(asked: Asked) -> list[tuple[int, float]]:
    ranker = APIRanker("embedded", asked.key, asked.variant, verbose=0, url=asked.root + PATHS[asked.variant])
    ranked = ranker.rank(asked.query, asked.documents)
    return [(result.doc_id, result.score) for result in ranked.results]


tell("rerankers", rank)
