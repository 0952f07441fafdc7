// What every script does with its client, as told.py does for Python's.
"use strict";

const given = JSON.parse(process.argv[2]);

async function tell(version, rank) {
  const asked = { ...given, key: given.keys.good, retries: false };
  const told = { version, found: await rank(asked), errors: {} };
  if (given.cases.includes("401")) told.errors["401"] = await failure(rank, { ...asked, key: "wrong" });
  if (given.cases.includes("422")) told.errors["422"] = await failure(rank, { ...asked, documents: given.too_many });
  if (given.cases.includes("429")) {
    await useUp(given.keys.poor);
    told.errors["429"] = await failure(rank, { ...asked, key: given.keys.poor });
  }
  if (given.cases.includes("retry")) {
    await useUp(given.keys.patient);
    const began = performance.now();
    told.retried = await rank({ ...asked, key: given.keys.patient, retries: true });
    told.waited = (performance.now() - began) / 1000;
  }
  console.log(JSON.stringify(told));
}

async function failure(rank, asked) {
  try {
    await rank(asked);
  } catch (error) {
    return { type: error.constructor.name, text: String(error.message) };
  }
  return null;
}

async function useUp(key) {
  const body = JSON.stringify({ model: "fast", query: "a", documents: ["a"] });
  const headers = { Authorization: `Bearer ${key}`, "X-Request-Id": "used-up" };
  for (let asked = 0; asked < 1000; asked++) {
    const answer = await fetch(`${given.server}/shared/rerank`, { method: "POST", body, headers });
    await answer.text();
    if (answer.status === 429) return;
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
  }
  throw new Error("the server never had enough");
}

module.exports = { given, tell };
