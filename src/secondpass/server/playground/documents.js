// What is pasted, as documents. Knows text and JSON; neither the page nor the server.

const TEXT_KEYS = ["text", "content", "page_content", "body"];

/** The documents in `text`, and in words how they were told apart. Throws an Error that says what is wrong. */
function readDocuments(text) {
  const trimmed = text.trim();
  if (!trimmed) return { documents: [], how: "" };
  if (/^\[\s*["{]/.test(trimmed)) return { documents: listOf(parsed(trimmed, "JSON")), how: "a JSON list" };
  if (trimmed.startsWith("{")) return ofObjects(trimmed);
  const blocks = trimmed.split(/\n[ \t]*\n\s*/).filter((block) => block.trim());
  if (blocks.length > 1) return { documents: blocks, how: "blank lines between" };
  return { documents: trimmed.split("\n").map((line) => line.trim()).filter(Boolean), how: "one a line" };
}

/** A whole request in one object, or objects one a line. */
function ofObjects(text) {
  const whole = tried(text);
  if (whole && Array.isArray(whole.documents)) return { documents: whole.documents, how: "a request", request: whole };
  if (whole) return { documents: [whole], how: "one JSON object" };
  const lines = text.split("\n").filter((line) => line.trim());
  return { documents: lines.map((line, at) => parsed(line, `Line ${at + 1}`)), how: "JSON lines" };
}

function tried(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function parsed(text, what) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${what} cannot be read as JSON: ${error.message}.`);
  }
}

function listOf(given) {
  const wrong = given.findIndex((one) => typeof one !== "string" && (typeof one !== "object" || one === null));
  if (wrong >= 0) throw new Error(`Entry ${wrong + 1} of the list is neither a string nor an object.`);
  return given;
}

/** The documents as text that `readDocuments` reads back. */
function writeDocuments(documents) {
  const texts = documents.every((one) => typeof one === "string");
  if (!texts) return documents.map((one) => JSON.stringify(one)).join("\n");
  if (documents.every((one) => !one.includes("\n"))) return documents.join("\n");
  if (documents.every((one) => !/\n[ \t]*\n/.test(one))) return documents.join("\n\n");
  return JSON.stringify(documents, null, 1);
}

/** What a person reads of a document: `title`, `text`, the rest as `notes`, and whether it is a `record`. */
function shown(document) {
  if (typeof document === "string") return { title: "", text: document, notes: "", record: false };
  const key = TEXT_KEYS.find((name) => typeof document[name] === "string");
  if (!key) return ofRecord(document);
  const { [key]: text, title, metadata, ...rest } = document;
  const notes = Object.entries({ ...rest, ...metadata }).map(([name, value]) => `${name}: ${plain(value)}`);
  return { title: title ?? "", text, notes: notes.join(" · "), record: false };
}

function ofRecord(record) {
  const name = ["name", "title", "id"].find((one) => typeof record[one] === "string");
  const rows = Object.entries(record).filter(([key]) => key !== name);
  return { title: record[name] ?? "", text: rows.map(([key, value]) => `${key}: ${plain(value)}`).join("\n"), notes: "", record: true };
}

function plain(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
