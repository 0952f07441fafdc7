"use strict";
const { CohereClient, CohereClientV2 } = require("cohere-ai");
const { version } = require(`${process.env.NODE_PATH}/cohere-ai/package.json`);
const { given, tell } = require("./told.cjs");

tell(version, async (asked) => {
  const Client = given.variant === "v1" ? CohereClient : CohereClientV2;
  const client = new Client({ token: asked.key, environment: asked.root, maxRetries: asked.retries ? 2 : 0 });
  const answer = await client.rerank({ model: "embedded", query: asked.query, documents: asked.documents, topN: 4 });
  if (answer.meta.billedUnits.searchUnits !== 1) throw new Error("search units are missing");
  return answer.results.map((row) => [row.index, row.relevanceScore]);
});
