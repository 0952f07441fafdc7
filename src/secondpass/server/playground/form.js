// The page: what is filled in, when it is asked, and where messages go.

const FIELDS = ["query", "instruction", "documents", "key", "now", "top_n", "budget_ms", "signals", "model"];
const IN_MORE = new Set(["now", "top_n", "budget_ms", "signals"]);
const LARGEST_FILE = 8_000_000;
const EXAMPLES = JSON.parse(document.getElementById("examples").textContent);

const $ = (id) => document.getElementById(id);
let running = null;
let last = null;

// --- messages

function say(field, message) {
  const box = $(`${field}-error`);
  box.textContent = message;
  if (message) $(field).setAttribute("aria-invalid", "true");
  else $(field).removeAttribute("aria-invalid");
  if (!message) return;
  if (IN_MORE.has(field)) $("more").open = true;
  if (field === "key") $("key-field").hidden = false;
}

function clearMessages() {
  for (const field of FIELDS) say(field, "");
  $("status").textContent = "";
  for (const box of document.querySelectorAll(".failure")) box.closest(".column").remove();
  $("empty").hidden = $("columns").childElementCount > 0;
}

/** The field that a request's field is filled in with; null where it has none here. */
function fieldOf({ param, status }) {
  if (status === 401) return "key";
  if (status === 404 && !param) return "model";
  const name = (param ?? "").replace(/^secondpass\./, "").replace(/\[.*$/, "");
  return FIELDS.includes(name) ? name : null;
}

// --- what is filled in

/** What is asked; null where something is missing, which is said beside it. */
function filledIn() {
  const read = documentsRead();
  const asked = {
    query: $("query").value.trim(),
    instruction: $("instruction").value.trim(),
    documents: read?.documents ?? [],
    rules: $("rules").checked,
    signals: $("signals").value.trim(),
    now: $("now").value,
    top_n: numberIn("top_n"),
    budget_ms: numberIn("budget_ms"),
  };
  if (!asked.query) say("query", "Say what to look for.");
  if (read && !asked.documents.length) say("documents", "Paste at least one document.");
  const wrong = FIELDS.find((field) => $(field).getAttribute("aria-invalid"));
  if (wrong) $(wrong).focus();
  return wrong ? null : asked;
}

function numberIn(field) {
  const input = $(field);
  if (!input.validity.valid) {
    say(field, field === "top_n" ? "Give a whole number of 1 or more." : "Give milliseconds, 1 or more.");
  }
  return input.value === "" ? null : Number(input.value);
}

function documentsRead() {
  try {
    const read = readDocuments($("documents").value);
    say("documents", "");
    $("documents-read").textContent = read.documents.length ? `${counted(read.documents.length, "document")}, ${read.how}` : "";
    return read;
  } catch (error) {
    $("documents-read").textContent = "";
    say("documents", error.message);
    return null;
  }
}

/** A whole request that was pasted or opened fills in the other fields as well. */
function unpack() {
  const request = documentsRead()?.request;
  if (request) fill({ ...request.secondpass, ...request });
}

function fill({ query, instruction, documents, now, rules }) {
  $("query").value = query ?? "";
  $("instruction").value = instruction ?? "";
  $("documents").value = writeDocuments(documents ?? []);
  $("now").value = now ?? "";
  $("rules").checked = rules ?? true;
  clearMessages();
  documentsRead();
}

async function open(files) {
  const given = [...files];
  if (!given.length) return;
  if (given.reduce((sum, file) => sum + file.size, 0) > LARGEST_FILE) {
    say("documents", "That is over 8 MB: rank it with the command line, or in parts.");
    return;
  }
  const texts = await Promise.all(given.map((file) => file.text()));
  const named = texts.map((text, at) => JSON.stringify({ id: given[at].name, text }));
  $("documents").value = given.length === 1 ? texts[0] : named.join("\n");
  $("example").value = "";
  unpack();
}

// --- ranking

async function rank() {
  clearMessages();
  const asked = filledIn();
  if (!asked) return;
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  const wanted = [$("model").value, $("second").value].filter(Boolean);
  const columns = (wanted.length ? wanted : ["default"]).map(column);
  last = { asked, model: wanted[0] ?? null };
  $("columns").replaceChildren(...columns);
  $("columns").classList.toggle("two", columns.length > 1);
  $("empty").hidden = true;
  $("code").hidden = false;
  $("copied").hidden = true;
  $("copy-note").textContent = "";
  const answers = [];
  // One after the other: side by side they would slow each other down, and the times would tell nothing.
  for (const [at, made] of columns.entries()) {
    if (!signal.aborted) answers.push(await rankBy(wanted[at] ?? null, made, asked, signal));
  }
  if (signal.aborted) return;
  const come = answers.filter(Boolean);
  if (come.length > 1) compare(columns, come);
  $("status").textContent = come.map(sentence).join(" ");
  if (matchMedia("(max-width: 56rem)").matches) $("results").scrollIntoView({ block: "start" });
}

/** Ask one model and show its answer; null where there is none. */
async function rankBy(model, made, asked, signal) {
  try {
    const answer = await ask(bodyOf(asked, model), $("key").value, signal);
    showAnswer(made, asked, answer, model ?? answer.model);
    return answer;
  } catch (error) {
    if (error.name === "AbortError") return null;
    if (!(error instanceof Failure)) throw error;
    failed(error, made);
    return null;
  }
}

function failed(error, made) {
  const field = fieldOf(error);
  showFailure(made, error.message);
  if (field) {
    say(field, error.message);
    $(field).focus();
  }
}

/** The result in a sentence, for those who listen. */
function sentence({ model, hits, took }) {
  if (!hits.length) return `${model} found nothing to rank.`;
  const [{ index, score }] = hits;
  const by = index ? `up ${index}` : "as before";
  return `${model} ranked ${counted(hits.length, "document")} in ${ms(took)}: number ${index + 1} is first, ${by}, score ${digits(score)}.`;
}

// --- code

async function copy(kind) {
  const base = new URL(".", document.baseURI).href;
  const text = CODE[kind](bodyOf(last.asked, last.model), base, Boolean($("key").value));
  const box = $("copied");
  box.textContent = text;
  box.hidden = false;
  try {
    await navigator.clipboard.writeText(text);
    $("copy-note").textContent = `Copied as ${kind === "json" ? "JSON" : kind === "python" ? "Python" : kind}.`;
  } catch {
    // Browsers lend the clipboard to pages on https and on this machine only.
    getSelection().selectAllChildren(box);
    box.focus();
    $("copy-note").textContent = "This browser does not let the page copy: the text is selected, copy it yourself.";
  }
}

// --- models

async function listModels() {
  try {
    const found = await models($("key").value);
    say("key", "");
    const options = () => found.map(({ id }) => new Option(id, id));
    $("model").replaceChildren(...options());
    $("second").replaceChildren(new Option("none", ""), ...options());
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.status === 503) setTimeout(listModels, 1000);
    say(fieldOf(error) ?? "model", error.status === 401 && !$("key").value ? "This server asks for a key." : error.message);
  }
}

// --- start

function listExamples() {
  for (const [at, example] of EXAMPLES.entries()) {
    $("example").append(new Option(example.name, String(at)));
    const button = element("button", "quiet", example.name);
    button.type = "button";
    button.addEventListener("click", () => choose(at));
    $("starters").append(button);
  }
}

function choose(at) {
  $("example").value = String(at);
  fill(EXAMPLES[at]);
  rank();
}

function onKey(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    rank();
  } else if (event.key === "Escape") {
    clearMessages();
  }
}

function onDrop(event) {
  event.preventDefault();
  $("drop").classList.remove("over");
  open(event.dataTransfer.files);
}

function wire() {
  $("form").addEventListener("submit", (event) => (event.preventDefault(), rank()));
  $("example").addEventListener("change", ({ target }) => target.value && choose(Number(target.value)));
  $("documents").addEventListener("input", unpack);
  $("file").addEventListener("change", ({ target }) => open(target.files).then(() => (target.value = "")));
  $("key").addEventListener("change", listModels);
  $("code").addEventListener("click", ({ target }) => target.dataset.code && copy(target.dataset.code));
  document.addEventListener("keydown", onKey);
  $("drop").addEventListener("dragover", (event) => (event.preventDefault(), $("drop").classList.add("over")));
  $("drop").addEventListener("dragleave", () => $("drop").classList.remove("over"));
  $("drop").addEventListener("drop", onDrop);
  if (/Mac|iP(hone|ad)/.test(navigator.platform)) document.querySelector(".keys kbd").textContent = "⌘";
}

listExamples();
wire();
documentsRead();
listModels();
