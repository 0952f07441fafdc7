from langchain_core.documents import Document
from told import GIVEN, Asked, tell

PACKAGES = {
    "cohere": "langchain-cohere",
    "voyage": "langchain-voyageai",
    "nvidia": "langchain-nvidia-ai-endpoints",
    "jina": "langchain-community",
    "infinity": "langchain-community",
    "contextual": "langchain-contextual",
}


def compressor(asked: Asked):
    root, key = asked.root, asked.key
    if asked.variant == "cohere":
        from langchain_cohere import CohereRerank

        return CohereRerank(model="embedded", cohere_api_key=key, base_url=root, top_n=4)
    if asked.variant == "voyage":
        from langchain_voyageai import VoyageAIRerank

        return VoyageAIRerank(model="embedded", api_key=key, base_url=f"{root}/v1", top_k=4)
    if asked.variant == "nvidia":
        from langchain_nvidia_ai_endpoints import NVIDIARerank

        return NVIDIARerank(model="embedded", api_key=key, base_url=f"{root}/v1", top_n=4)
    if asked.variant == "jina":
        from langchain_community.document_compressors import jina_rerank

        jina_rerank.JINA_API_URL = f"{root}/v1/rerank"
        return jina_rerank.JinaRerank(model="embedded", jina_api_key=key, top_n=4)
    if asked.variant == "infinity":
        from infinity_client import Client
        from langchain_community.document_compressors.infinity_rerank import InfinityRerank

        client = Client(f"{root}/infinity", headers={"Authorization": f"Bearer {key}"})
        return InfinityRerank(client=client, model="embedded", top_n=4)
    from langchain_contextual import ContextualRerank

    return ContextualRerank(model="embedded", api_key=key, base_url=f"{root}/v1", top_n=4)


def rank(asked: Asked) -> list[tuple[int, float]]:
    documents = [Document(text) for text in asked.documents]
    ranked = compressor(asked).compress_documents(documents, asked.query)
    return [(asked.documents.index(one.page_content), one.metadata["relevance_score"]) for one in ranked]


tell(PACKAGES[GIVEN["variant"]], rank)
