// Asking the server. Knows the wire format; not the page.

const PATH = "v1/rerank"; // relative, so that it holds behind a proxy too;
const WANTED = ["probability", "tokens", "truncated", "chunks", "span", "signals", "rules"];

/** A failure that a person can read: `param` is the request's field that it is about, `status` 0 without an answer. */
class Failure extends Error {
  constructor(message, status = 0, param = null) {
    super(message);
    this.status = status;
    this.param = param;
  }
}

/** The request's body; fields that say nothing are left out. */
function bodyOf(asked, model) {
  const field = {
    instruction: asked.instruction,
    rules: asked.rules ? null : false,
    signals: asked.signals,
    now: asked.now,
    budget_ms: asked.budget_ms,
    return: WANTED,
  };
  const body = { model, query: asked.query, documents: asked.documents, top_n: asked.top_n, secondpass: said(field) };
  return said(body);
}

function said(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== ""));
}

/** The answer to a body: `hits`, best first, the `model` that answered, `rules`, `degraded`, and the times in ms. */
async function ask(body, key, signal) {
  const began = performance.now();
  const response = await sent(PATH, { method: "POST", body: JSON.stringify(body), signal }, key);
  const given = await response.json();
  const more = given.secondpass;
  const details = new Map(more.results.map((one) => [one.index, one]));
  return {
    model: more.model,
    degraded: more.degraded,
    rules: more.rules,
    hits: given.results.map((row) => ({ ...details.get(row.index), score: row.relevance_score })),
    took: performance.now() - began,
    server: timings(response.headers.get("Server-Timing") ?? ""),
  };
}

/** The models that are served. */
async function models(key) {
  const response = await sent("v1/models", {}, key);
  return (await response.json()).data;
}

async function sent(path, options, key) {
  const headers = { "Content-Type": "application/json", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (error instanceof TypeError && /header|ByteString/i.test(error.message)) {
      throw new Failure("The key has characters that no key can have.", 401);
    }
    throw new Failure("The server does not answer: is it still running?");
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  throw new Failure(told.message ?? `The server answered ${response.status}.`, response.status, told.error?.param);
}

/** "rank;dur=3.1, total;dur=4" → {rank: 3.1, total: 4}. */
function timings(header) {
  return Object.fromEntries([...header.matchAll(/([\w-]+);dur=([\d.]+)/g)].map(([, name, ms]) => [name, Number(ms)]));
}
