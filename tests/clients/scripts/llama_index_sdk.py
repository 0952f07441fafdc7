from llama_index.core.schema import NodeWithScore, TextNode
from told import GIVEN, Asked, tell


def reranker(asked: Asked):
    root, key = asked.root, asked.key
    if asked.variant == "cohere":
        from llama_index.postprocessor.cohere_rerank import CohereRerank

        return CohereRerank(4, "embedded", key, base_url=root, max_retries=2 if asked.retries else 1)
    if asked.variant == "contextual":
        from llama_index.postprocessor.contextual_rerank import ContextualRerank

        return ContextualRerank(4, "embedded", key, base_url=f"{root}/v1")
    if asked.variant == "dashscope":
        import dashscope
        from llama_index.postprocessor.dashscope_rerank import DashScopeRerank

        dashscope.base_http_api_url = f"{root}/api/v1"
        return DashScopeRerank(4, "embedded", api_key=key)
    if asked.variant == "jinaai":
        from llama_index.postprocessor.jinaai_rerank import JinaRerank

        return JinaRerank(4, "embedded", f"{root}/v1", key)
    if asked.variant == "mixedbreadai":
        import os

        from llama_index.postprocessor.mixedbreadai_rerank import MixedbreadAIRerank

        os.environ["MIXEDBREAD_BASE_URL"] = root
        return MixedbreadAIRerank(4, "embedded", key, max_retries=2 if asked.retries else 0)
    if asked.variant == "nvidia":
        from llama_index.postprocessor.nvidia_rerank import NVIDIARerank

        return NVIDIARerank("embedded", api_key=key, base_url=f"{root}/v1", top_n=4)
    if asked.variant == "siliconflow":
        from llama_index.postprocessor.siliconflow_rerank import SiliconFlowRerank

        return SiliconFlowRerank("embedded", f"{root}/v1/rerank", key, 4)
    if asked.variant == "tei":
        from llama_index.postprocessor.tei_rerank import TextEmbeddingInference

        return TextEmbeddingInference(4, root, auth_token=f"Bearer {key}")
    if asked.variant == "voyageai":
        import voyageai
        from llama_index.postprocessor.voyageai_rerank import VoyageAIRerank

        found = VoyageAIRerank("embedded", key, 4)
        # Its constructor takes no URL; and voyageai before 0.5 fails on errors that have more than `detail`.
        found._client = voyageai.Client(key, base_url=f"{root}/voyage/v1")
        return found
    from llama_index.postprocessor.xinference_rerank import XinferenceRerank

    return XinferenceRerank(top_n=4, model="embedded", base_url=root)


def rank(asked: Asked) -> list[tuple[int, float]]:
    nodes = [NodeWithScore(node=TextNode(text=text, id_=str(at))) for at, text in enumerate(asked.documents)]
    ranked = reranker(asked).postprocess_nodes(nodes, query_str=asked.query)
    return [(int(one.node.node_id), one.score) for one in ranked]


tell(f"llama-index-postprocessor-{GIVEN['variant']}-rerank", rank)
