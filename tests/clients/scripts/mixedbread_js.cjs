"use strict";
const { Mixedbread } = require("@mixedbread/sdk");
const { VERSION } = require("@mixedbread/sdk/version");
const { tell } = require("./told.cjs");

tell(VERSION, async (asked) => {
  const client = new Mixedbread({ apiKey: asked.key, baseURL: asked.root, maxRetries: asked.retries ? 2 : 0 });
  const answer = await client.rerank({ model: "embedded", query: asked.query, input: asked.documents, top_k: 4 });
  if (!(answer.usage.total_tokens > 0)) throw new Error("usage is missing");
  return answer.data.map((row) => [row.index, row.score]);
});
