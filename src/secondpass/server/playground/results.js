// What came of a request, as elements. Every text goes in as text, so no document can become part of the page.

const MOST_MOVING = 60;
const LONG = 420;
const NEAR = 60;
const CODE_LIKE = /\n[ \t]+\S/;

function element(tag, look, ...inside) {
  const made = document.createElement(tag);
  if (look) made.className = look;
  made.append(...inside);
  return made;
}

/** Words for those who listen, where others see a sign. */
function spoken(text) {
  return element("span", "spoken", text);
}

/** One model's column, before its answer is there. */
function column(model) {
  const heading = element("h2", "", model);
  const made = element("section", "column", heading);
  made.setAttribute("aria-label", `Ranking by ${model}`);
  made.setAttribute("aria-busy", "true");
  made.append(element("p", "hint", "Ranking …"));
  return made;
}

function showFailure(made, message) {
  const box = element("p", "failure", message);
  box.setAttribute("role", "alert");
  finish(made, [box]);
}

/** `asked` is what was asked, `wanted` the model that was asked for. */
function showAnswer(made, asked, answer, wanted) {
  const list = element("ol", "hits");
  list.setAttribute("aria-label", `Documents by ${answer.model}, best first`);
  list.append(...answer.hits.map((hit, at) => card(hit, at, asked)));
  const left = asked.documents.length - answer.hits.length;
  const parts = [element("p", "facts", facts(asked, answer)), ...chips(answer.rules, asked)];
  if (answer.model !== wanted) parts.push(element("p", "note", `${answer.model} answered: there is no ${wanted} here.`));
  if (answer.degraded) parts.push(element("p", "note", "Time was short: this is the best order known by then."));
  parts.push(list);
  if (left > 0) parts.push(element("p", "hint", `${left} more not shown.`));
  finish(made, parts);
  move(list, answer.hits);
}

function finish(made, parts) {
  made.removeAttribute("aria-busy");
  made.replaceChildren(made.firstChild, ...parts);
}

function facts(asked, answer) {
  const tokens = answer.hits.reduce((sum, hit) => sum + hit.tokens, 0);
  const { total, tokenise, infer } = answer.server;
  const times = [`${ms(answer.took)} in all`];
  if (total !== undefined) times.push(`${ms(total)} in the server`);
  if (tokenise !== undefined) times.push(`${ms(tokenise)} tokenising`);
  if (infer !== undefined) times.push(`${ms(infer)} in the model`);
  return [counted(answer.hits.length, "document"), counted(tokens, "token"), ...times].join(" · ");
}

function ms(value) {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value).toLocaleString("en")} ms`;
}

function counted(number, what) {
  return `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;
}

/** What of the instruction was understood; nothing where there was none. */
function chips(rules, asked) {
  if (!asked.instruction || !asked.rules) return [];
  if (!rules.length) return [element("p", "hint", "No rules found in the instruction: the model reads all of it.")];
  const list = element("ul", "chips");
  list.setAttribute("aria-label", "Rules understood");
  for (const rule of rules) {
    const chip = element("li", `chip ${rule.strength}`, element("b", "", `${rule.strength} ${rule.kind}`), ` ${wish(rule)}`);
    if (rule.words) chip.append(element("q", "", rule.words));
    list.append(chip);
  }
  return [list];
}

function wish({ asks, values }) {
  if (asks === "between") return values.map((day, at) => (day ? `${at ? "up to" : "from"} ${day}` : "")).join(" ").trim();
  return [...(asks === "names" || asks === "is" ? [] : [asks]), values.join(", ")].join(" ").trim();
}

function card(hit, at, asked) {
  const given = shown(asked.documents[hit.index]);
  const body = element("div", "body");
  if (given.title) body.append(element("p", "title", given.title));
  body.append(...readable(given, hit, asked.documents[hit.index]));
  if (given.notes) body.append(element("p", "notes", given.notes));
  body.append(bar(hit.score), element("p", "marks", ...marks(hit)));
  const place = element("div", "place", element("span", "rank", String(at + 1)), moved(hit.index - at));
  place.append(element("span", "was", `was ${hit.index + 1}`));
  const made = element("li", at ? "hit" : "hit best", place, body);
  made.dataset.index = hit.index;
  return made;
}

function moved(by) {
  const [look, sign, words] = by > 0 ? ["up", "▲", "up"] : by < 0 ? ["down", "▼", "down"] : ["same", "=", "not moved"];
  const seen = element("span", "", by ? `${sign}${Math.abs(by)}` : sign);
  seen.setAttribute("aria-hidden", "true");
  return element("span", `move ${look}`, seen, spoken(by ? ` ${words} ${Math.abs(by)} ` : ` ${words} `));
}

/** The text, with the passage that decided marked where that is not all of it, and folded where it is long. */
function readable(given, hit, original) {
  const text = element("p", given.record || CODE_LIKE.test(given.text) ? "text record" : "text");
  text.dir = "auto";
  const part = hit.span && typeof original === "string" && (hit.chunks > 1 || hit.truncated);
  if (part) text.append(...passage(given.text, hit));
  else text.append(given.text);
  const long = given.text.length > LONG || given.text.split("\n").length > 7;
  if (!long) return [text];
  return [text, unfold(text)];
}

/** `span` counts code points, JavaScript UTF-16 units. */
function passage(text, { span, chunks }) {
  const points = Array.from(text);
  const [before, inside, after] = [[0, span.start], [span.start, span.end], [span.end]].map((ends) =>
    points.slice(...ends).join(""),
  );
  const mark = element("mark", "", inside);
  mark.prepend(spoken(chunks > 1 ? "Best passage: " : "What was read: "));
  mark.append(spoken(" End of it. "));
  const near = before.slice(-NEAR).replace(before.length > NEAR ? /^\S*\s/ : "", "");
  const far = before.slice(0, before.length - near.length);
  return [element("span", "unread far", far), element("span", "unread", near), mark, element("span", "unread", after)];
}

function unfold(text) {
  text.classList.add("folded");
  const button = element("button", "link", "Show all");
  button.type = "button";
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    const folded = text.classList.toggle("folded");
    button.textContent = folded ? "Show all" : "Show less";
    button.setAttribute("aria-expanded", String(!folded));
  });
  return button;
}

function bar(score) {
  const fill = element("span", "fill");
  fill.style.setProperty("--share", `${Math.max(0, Math.min(1, score)) * 100}%`);
  const track = element("span", "track", fill);
  track.setAttribute("aria-hidden", "true");
  const told = element("span", "score", spoken("Score "), digits(score));
  told.title = String(score);
  return element("p", "bar", track, told);
}

/** Three places; what would be nothing in three is said to be less. */
function digits(score) {
  return score > 0 && score < 0.001 ? "<0.001" : score.toFixed(3);
}

function marks(hit) {
  const found = [element("span", "", counted(hit.tokens, "token"))];
  if (typeof hit.probability === "number") {
    const percent = `${(hit.probability * 100).toFixed(hit.probability < 0.01 ? 2 : 0)} %`;
    const moved = Object.values(hit.signals).some(Boolean);
    found.push(element("span", "", moved ? `probability ${percent} by the model alone` : `probability ${percent}`));
  }
  if (hit.chunks > 1) found.push(element("span", "mark", `read in ${hit.chunks} chunks`));
  if (hit.chunks === 0) found.push(element("span", "mark warn", "not read"));
  if (hit.truncated) found.push(element("span", "mark warn", "end not read"));
  for (const [name, by] of Object.entries(hit.signals)) {
    if (by) found.push(element("span", "mark", `${name.replace(":", " ")} ${by > 0 ? "+" : "−"}${Math.abs(by).toFixed(2)}`));
  }
  return found;
}

/** Beside each document of the first two columns, where the other model has it. */
function compare(columns, answers) {
  for (const [made, other] of [[columns[0], answers[1]], [columns[1], answers[0]]]) {
    const places = new Map(other.hits.map((hit, at) => [hit.index, at + 1]));
    for (const one of made.querySelectorAll(".hit")) {
      const place = places.get(Number(one.dataset.index));
      one.querySelector(".marks").prepend(element("span", "mark", place ? `${other.model}: place ${place}` : `not by ${other.model}`));
    }
  }
}

/** Cards glide from their place in the input to their place in the ranking, where motion is welcome. */
function move(list, hits) {
  if (hits.length > MOST_MOVING || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const cards = [...list.children];
  const gap = Number.parseFloat(getComputedStyle(list).rowGap) || 0;
  const tops = new Map(cards.map((one) => [one, one.offsetTop]));
  let top = list.firstElementChild?.offsetTop ?? 0;
  for (const one of [...cards].sort((a, b) => a.dataset.index - b.dataset.index)) {
    const from = `translateY(${top - tops.get(one)}px)`;
    one.animate([{ transform: from }, { transform: "none" }], { duration: 450, easing: "cubic-bezier(.2,.8,.2,1)" });
    top += one.offsetHeight + gap;
  }
}
