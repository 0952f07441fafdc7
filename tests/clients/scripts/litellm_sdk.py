import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or each start fetches a list of prices

import litellm
from told import Asked, tell

BELOW = {
    "jina_ai": "/v1",
    "voyage": "/v1",
    "infinity": "/infinity",
    "hosted_vllm": "/vllm",
    "dashscope": "/v1",
    "fireworks_ai": "/v1",
}
"""What the base has beside the root, for those that need it."""


def rank(asked: Asked) -> list[tuple[int, float]]:
    provider = asked.variant.removesuffix(" at the root")
    below = BELOW.get(provider, "") if provider == asked.variant else ""
    answer = litellm.rerank(
        model=f"{provider}/embedded",
        query=asked.query,
        documents=asked.documents,
        top_n=4,
        api_base=asked.root + below,
        api_key=asked.key,
        max_retries=3 if asked.retries else 0,
    )
    found = [(row["index"], row["relevance_score"]) for row in answer.results]
    # DeepInfra's own answers are scores in the documents' order.
    return sorted(found, key=lambda row: -row[1]) if provider == "deepinfra" else found


tell("litellm", rank)
