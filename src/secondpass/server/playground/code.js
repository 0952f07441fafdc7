// A request as code to copy. Knows the request's body and three ways to write it.

const KEY = "SECONDPASS_API_KEY";
const CODE = { curl: asCurl, python: asPython, json: (body) => JSON.stringify(body, null, 2) };

/** `keyed`: whether the server wants a key, which is never part of the code. */
function asCurl(body, base, keyed) {
  const quoted = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
  const key = keyed ? ` \\\n  -H "Authorization: Bearer $${KEY}"` : "";
  return `curl '${base}${PATH}' -H 'Content-Type: application/json'${key} -d '${quoted}'\n`;
}

function asPython({ query, documents, secondpass, ...more }, base, keyed) {
  const { return: _, ...options } = { ...more, ...secondpass };
  const given = Object.entries(options).map(([name, value]) => `        ${name}=${literal(value, 2)},\n`);
  return [
    "import secondpass",
    "",
    `documents = ${literal(documents, 0)}`,
    `with secondpass.Client(${JSON.stringify(base)}) as client:${keyed ? `  # the key: ${KEY} of the environment` : ""}`,
    `    ranking = client.rank(\n        ${JSON.stringify(query)},\n        documents,\n${given.join("")}    )`,
    "for hit in ranking:",
    '    print(f"{hit.score:.3f}", hit.text)',
    "",
  ].join("\n");
}

/** A JSON value as Python writes it. */
function literal(value, depth) {
  const names = new Map([[null, "None"], [true, "True"], [false, "False"]]);
  if (names.has(value)) return names.get(value);
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = "    ".repeat(depth + 1);
  const list = Array.isArray(value);
  const rows = list
    ? value.map((one) => literal(one, depth + 1))
    : Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${literal(one, depth + 1)}`);
  const [open, close] = list ? "[]" : "{}";
  if (!rows.length) return open + close;
  return `${open}\n${rows.map((row) => `${inner}${row},\n`).join("")}${"    ".repeat(depth)}${close}`;
}
