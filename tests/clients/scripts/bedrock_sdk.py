import boto3
from botocore.config import Config
from told import Asked, tell


def rank(asked: Asked) -> list[tuple[int, float]]:
    client = boto3.client(
        "bedrock-agent-runtime",
        region_name="us-east-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
        endpoint_url=asked.root,
        config=Config(retries={"total_max_attempts": 6 if asked.retries else 1}),
    )
    # A signature holds no key of ours: it goes beside it.
    client.meta.events.register(
        "before-call.bedrock-agent-runtime.Rerank",
        lambda params, **_: params["headers"].update({"x-api-key": asked.key}),
    )
    sources = [
        {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}}}
        for text in asked.documents
    ]
    arn = "arn:aws:bedrock:us-east-1::foundation-model/embedded"
    answer = client.rerank(
        queries=[{"type": "TEXT", "textQuery": {"text": asked.query}}],
        sources=sources,
        rerankingConfiguration={
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": {"modelConfiguration": {"modelArn": arn}, "numberOfResults": 4},
        },
    )
    return [(row["index"], row["relevanceScore"]) for row in answer["results"]]


tell("boto3", rank)
