from haystack import Document
from haystack.utils import Secret
from told import GIVEN, Asked, tell

PACKAGES = {
    "cohere": "cohere-haystack",
    "jina": "jina-haystack",
    "nvidia": "nvidia-haystack",
    "tei": "huggingface-api-haystack",
    "voyage": "voyage-embedders-haystack",
}


def ranker(asked: Asked):
    root, key = asked.root, Secret.from_token(asked.key)
    if asked.variant == "cohere":
        from haystack_integrations.components.rankers.cohere import CohereRanker

        return CohereRanker("embedded", 4, key, root)
    if asked.variant == "jina":
        from haystack_integrations.components.rankers.jina import JinaRanker

        return JinaRanker("embedded", key, 4, base_url=f"{root}/v1/rerank")
    if asked.variant == "nvidia":
        from haystack_integrations.components.rankers.nvidia import NvidiaRanker

        return NvidiaRanker("embedded", api_url=f"{root}/v1", api_key=key, top_k=4)
    if asked.variant == "tei":
        from haystack_integrations.components.rankers.huggingface_api import HuggingFaceTEIRanker

        return HuggingFaceTEIRanker(url=root, top_k=4, token=key, max_retries=3 if asked.retries else 1)
    import voyageai._base
    from haystack_integrations.components.rankers.voyage import VoyageRanker

    voyageai._base.get_default_base_url = lambda key: f"{root}/v1"  # neither takes a URL
    return VoyageRanker(model="embedded", api_key=key, top_k=4, max_retries=3 if asked.retries else 0)


def rank(asked: Asked) -> list[tuple[int, float]]:
    documents = [Document(id=str(at), content=text) for at, text in enumerate(asked.documents)]
    component = ranker(asked)
    if hasattr(component, "warm_up"):
        component.warm_up()
    return [(int(one.id), one.score) for one in component.run(query=asked.query, documents=documents)["documents"]]


tell(PACKAGES[GIVEN["variant"]], rank)
