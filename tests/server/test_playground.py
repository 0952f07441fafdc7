"""The playground in a real browser, against a real server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from secondpass.server import playground
from tests.server.conftest import KEY, Running

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FILES = Path(playground.__file__).parent
EXAMPLES: list[dict[str, Any]] = json.loads((FILES / "examples.json").read_text(encoding="utf-8"))
TRICK = "<img src=x onerror=document.title='broken'> money"

in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@dataclass
class Seen:
    """What a page did beside what it showed."""

    asked: list[str] = field(default_factory=list)
    broke: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser, server: Running) -> Iterator[Page]:
    yield from opened(browser, server)


@pytest.fixture
def guarded_page(browser: Browser, guarded: Running) -> Iterator[Page]:
    yield from opened(browser, guarded)


def opened(browser: Browser, server: Running) -> Iterator[Page]:
    """The page, which may ask nobody but its server, and in which nothing may break."""
    seen = Seen()
    found = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    found.on("request", lambda request: seen.asked.append(request.url))
    found.on("pageerror", lambda error: seen.broke.append(str(error)))
    found.goto(server.url)
    yield found
    found.close()
    assert [url for url in seen.asked if not url.startswith((f"{server.url}/", "data:"))] == []
    assert seen.broke == []


def ask(page: Page, query: str, documents: str) -> None:
    page.get_by_label("Query").fill(query)
    page.get_by_label("Documents", exact=True).fill(documents)
    page.get_by_role("button", name="Rank", exact=True).click()


def hits(page: Page, column: int = 0) -> Locator:
    found = page.locator(".column").nth(column).locator(".hit")
    found.first.wait_for()
    return found


def order(page: Page, column: int = 0) -> list[int]:
    return [int(one.get_attribute("data-index") or "") for one in hits(page, column).all()]


def test_a_browser_is_led_from_the_root_to_a_page_that_may_load_nothing(server: Running) -> None:
    response = server.client.get("/", headers={"Accept": "text/html"}, follow_redirects=True)
    policy = response.headers["content-security-policy"]
    assert response.url.path == "/playground"
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert re.findall(r'(?:src|href)="(?:https?:)?//', response.text) == []
    assert server.client.get("/").json()["name"] == "secondpass"


def test_every_colour_of_text_stands_out_from_what_it_is_on() -> None:
    style = (FILES / "style.css").read_text(encoding="utf-8")
    for scheme in re.findall(r":root \{(.*?)\}", style, re.S):
        colour = dict(re.findall(r"--([\w-]+): (#\w{6})", scheme))
        pairs = [(text, ground) for text in ("ink", "soft", "accent") for ground in ("paper", "card", "tint")]
        pairs += [("on-accent", "accent"), ("wrong", "card"), ("up", "card"), ("down", "card")]
        pairs += [("ink", "mark"), ("ink", "warn")]
        assert [pair for pair in pairs if contrast(colour[pair[0]], colour[pair[1]]) < 4.5] == []


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, 1.4.3."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


@in_browser
def test_an_example_shows_the_order_the_moves_and_the_rules(page: Page) -> None:
    page.get_by_label("Example").select_option(label="Official and newest first")
    found = order(page)
    assert found[:2] == [4, 2]
    signs = [one.inner_text() for one in page.locator(".move > [aria-hidden]").all()]
    assert signs == [f"▲{by}" if by > 0 else f"▼{-by}" if by else "=" for by in (i - at for at, i in enumerate(found))]
    chips = page.get_by_role("list", name="Rules understood").get_by_role("listitem")
    assert [" ".join(one.split()[:2]) for one in chips.all_inner_texts()] == [
        "only source",
        "avoid recency",
        "prefer recency",
    ]
    assert "rule source" in hits(page).first.inner_text()
    assert re.search(r"probability \d+ % by the model alone", hits(page).first.inner_text())
    expect(page.locator(".score").last).to_have_text("Score <0.001")
    expect(page.locator("#status")).to_have_text(
        re.compile(r"^embedded ranked 5 documents in .* number 5 is first, up 4")
    )
    expect(page.locator(".facts")).to_contain_text("in the server")


@in_browser
def test_every_example_is_ranked_with_motion_too(page: Page) -> None:
    page.emulate_media(reduced_motion="no-preference")
    for example in EXAMPLES:
        page.get_by_label("Example").select_option(label=example["name"])
        expect(page.locator("#status")).to_contain_text(f"ranked {len(example['documents'])} documents")


@in_browser
def test_what_was_read_of_a_long_document_is_marked(page: Page) -> None:
    page.get_by_label("Example").select_option(label="A long document")
    hits(page)
    whole = max(EXAMPLES[-1]["documents"], key=len)
    marked = page.locator("mark").text_content() or ""
    text = marked.removeprefix("What was read: ").removesuffix(" End of it. ")
    assert 0 < len(text) < len(whole)
    assert text in whole
    expect(page.get_by_text("end not read")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_role("button", name="Show less")).to_have_attribute("aria-expanded", "true")


@in_browser
def test_a_document_read_in_chunks_says_so_and_shows_the_best_passage(page: Page) -> None:
    page.get_by_label("Model", exact=True).select_option("chunked")
    refund = "Refunds reach your account within five working days after we have the parcel."
    opening = "The shop has a counter, shelves and a lamp by the door. " * 100
    ask(page, "when do I get my money back?", f"{opening}{refund} {opening}\nthe lamp by the door")
    assert order(page) == [0, 1]
    first = hits(page).first
    expect(first.locator(".mark").filter(has_text="chunks")).to_have_text(re.compile(r"read in ([2-9]|\d\d) chunks"))
    expect(first.locator("mark")).to_contain_text(refund)
    expect(first.get_by_text("end not read")).to_have_count(0)


@in_browser
def test_two_models_stand_side_by_side_and_tell_of_each_other(page: Page) -> None:
    page.get_by_label("Side by side with").select_option("fast")
    page.get_by_label("Example").select_option(label="Question answering")
    expect(page.locator("#status")).to_contain_text("fast ranked")
    first, second = order(page), order(page, 1)
    assert first != second
    places = [one.inner_text() for one in hits(page).locator(".mark").all()]
    assert places == [f"fast: place {second.index(index) + 1}" for index in first]
    left, right = (page.locator(".column").nth(at).bounding_box() for at in (0, 1))
    assert left is not None
    assert right is not None
    assert left["y"] == right["y"]


@in_browser
def test_the_keyboard_is_enough(page: Page) -> None:
    page.get_by_label("Example").focus()
    typed = {"query": "money back", "instruction": "", "documents": "open nine to five\nrefunds take five days"}
    for name, text in typed.items():
        page.keyboard.press("Tab")
        expect(page.locator(f"#{name}")).to_be_focused()
        page.keyboard.insert_text(text)
    page.keyboard.press("Control+Enter")
    assert order(page) == [1, 0]
    page.locator("#query").fill("")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#query-error")).to_have_text("Say what to look for.")
    page.keyboard.press("Escape")
    expect(page.locator("#query-error")).to_be_empty()


@in_browser
def test_errors_are_told_where_they_belong(page: Page) -> None:
    page.get_by_role("button", name="Rank", exact=True).click()
    query = page.get_by_label("Query")
    expect(query).to_be_focused()
    expect(query).to_have_attribute("aria-invalid", "true")
    expect(query).to_have_accessible_description("Say what to look for.")
    ask(page, "money", '{"text": "one"}\n{"text": two}')
    expect(page.locator("#documents-error")).to_contain_text("Line 2 cannot be read as JSON")
    page.get_by_label("Documents", exact=True).fill("one")
    page.get_by_text("More settings").click()
    page.get_by_label("Show the best").fill("0")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#top_n-error")).to_have_text("Give a whole number of 1 or more.")
    page.get_by_label("Show the best").fill("")
    page.get_by_label("Signals").fill("nonsense")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("nonsense")


@in_browser
def test_a_document_never_becomes_part_of_the_page(page: Page) -> None:
    record = json.dumps({"text": TRICK, "title": TRICK, TRICK: TRICK})
    ask(page, TRICK, f"{record}\n{json.dumps({'name': TRICK, 'note': TRICK})}")
    assert len(order(page)) == 2
    assert page.locator("img").count() == 0
    assert hits(page).first.inner_text().count("<img src=x") >= 2
    assert page.title() == "secondpass playground"


@in_browser
def test_the_code_that_is_copied_asks_for_the_same_ranking(page: Page, server: Running) -> None:
    ask(page, "when's my money back?", "we're open nine to five\nrefunds take five days")
    found = order(page)
    copied = page.locator("#copied")
    page.get_by_role("button", name="Copy JSON").click()
    answer = server.client.post("/v1/rerank", json=json.loads(copied.inner_text())).json()
    assert [row["index"] for row in answer["results"]] == found
    page.get_by_role("button", name="Copy curl").click()
    expect(copied).to_contain_text("curl")
    shell = ["bash", "-c", copied.inner_text()]
    assert json.loads(subprocess.run(shell, capture_output=True, check=True).stdout)["results"] == answer["results"]
    page.get_by_role("button", name="Copy Python").click()
    expect(copied).to_contain_text("import secondpass")
    python = [sys.executable, "-c", copied.inner_text()]
    printed = subprocess.run(python, capture_output=True, check=True, text=True).stdout.splitlines()
    assert [line.partition(" ")[2] for line in printed] == ["refunds take five days", "we're open nine to five"]


@in_browser
def test_a_file_is_read_and_a_whole_request_fills_in_every_field(page: Page, tmp_path: Path) -> None:
    request = {
        "query": "money",
        "instruction": "the newest",
        "documents": ["one", "two money"],
        "secondpass": {"now": "2026-11-20"},
    }
    path = tmp_path / "request.json"
    path.write_text(json.dumps(request), encoding="utf-8")
    page.get_by_label("Open a file").set_input_files(path)
    expect(page.get_by_label("Query")).to_have_value("money")
    expect(page.get_by_label("Documents", exact=True)).to_have_value("one\ntwo money")
    expect(page.locator("#now")).to_have_value("2026-11-20")
    expect(page.locator("#documents-read")).to_have_text("2 documents, one a line")


@in_browser
def test_a_file_is_read_where_it_is_dropped(page: Page) -> None:
    rows = [{"text": "open nine to five"}, {"text": "refunds take five days"}]
    lines = "\n".join(json.dumps(row) for row in rows)
    dropped = page.evaluate_handle(
        "lines => { const held = new DataTransfer(); held.items.add(new File([lines], 'rows.jsonl')); return held; }",
        lines,
    )
    page.dispatch_event("#drop", "dragover", {"dataTransfer": dropped})
    expect(page.locator("#drop")).to_have_class(re.compile(r"\bover\b"))
    page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})
    expect(page.locator("#drop")).not_to_have_class(re.compile(r"\bover\b"))
    expect(page.locator("#documents-read")).to_contain_text("2 documents")
    page.get_by_label("Query").fill("money back")
    page.keyboard.press("Control+Enter")
    assert order(page) == [1, 0]


@in_browser
def test_a_key_is_asked_for_where_one_is_needed(guarded_page: Page) -> None:
    expect(guarded_page.locator("#key-error")).to_have_text("This server asks for a key.")
    guarded_page.get_by_label("Key").fill(KEY)
    guarded_page.keyboard.press("Tab")
    expect(guarded_page.get_by_label("Model", exact=True)).to_have_value("plain")
    ask(guarded_page, "money", "one\ntwo money")
    assert order(guarded_page) == [1, 0]
    ask(guarded_page, "money", "\n".join(f"document {number}" for number in range(21)))
    expect(guarded_page.locator("#documents-error")).to_contain_text("21 documents")


@in_browser
@pytest.mark.parametrize("example", ["Official and newest first", "SQL tables", "Code"])
def test_a_phone_shows_everything_without_scrolling_sideways(page: Page, example: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.get_by_label("Side by side with").select_option("fast")
    page.get_by_label("Example").select_option(label=example)
    expect(page.locator("#status")).to_contain_text("fast ranked")
    assert page.evaluate("() => document.documentElement.scrollWidth") == 360
