"""Layouts of headers, footers, bylines and metadata: the date, source, version and language that they tell."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from secondpass.ranking.rules.profile import names_of, profile_of
from secondpass.ranking.rules.vocabulary import Vocabulary
from secondpass.types import AnyDocument, Document

NOW = datetime(2026, 6, 22, tzinfo=UTC)
BODY = "The valve opens at two bar. It closes by itself when the pressure falls, as the drawing in chapter two shows."
LONG = f"{BODY}\n\n{BODY} " + " ".join([BODY] * 12)

DATES = [
    f"From: Ada Stone <ada@stone.example>\nDate: Wed, 3 Mar 2021 10:11:12 +0100\nSubject: Valves\n\n{LONG}",
    f"<item><title>Valves</title><pubDate>Wed, 03 Mar 2021 09:00:00 GMT</pubDate></item>\n{LONG}",
    f"<entry><updated>2021-03-03T09:00:00Z</updated><author><name>Ada Stone</name></author></entry>\n{LONG}",
    f'<meta name="article:published_time" content="2021-03-03T09:00:00Z">\n{LONG}',
    f'<meta content="2021-03-03" name="DC.date">\n{LONG}',
    f'<p><time datetime="2021-03-03">3 March</time> Ada Stone</p>\n{LONG}',
    f"dc.title: Valves\ndc.date.issued: 2021-03-03\n\n{LONG}",
    f"@article{{stone2021,\n  author = {{Ada Stone}},\n  date = {{2021-03-03}},\n}}\n{LONG}",
    f"TY  - JOUR\nAU  - Stone, Ada\nDA  - 2021/03/03\nER  -\n\n{LONG}",
    f"commit 9fceb02\nAuthor: A. Stone <ada@x.example>\nDate:   Wed Mar 3 10:11:12 2021 +0100\n\n    Open it\n\n{LONG}",
    f"{LONG}\n\nvalve 2.1            3 March 2021            VALVE(1)",
    f"BERLIN, March 3, 2021 (Basalt) – {LONG}",
    f"BERLIN (Basalt), 3. März 2021 – {LONG}",
    f"Berlin, den 3. März 2021\n\n{LONG}",
    f"Paris, le 3 mars 2021\n\n{LONG}",
    f"Madrid, 3 de marzo de 2021.\n\n{LONG}",
    f"BGH, Urteil vom 3. März 2021 - IV ZR 12/20\n\n{LONG}",
    f"Ticket: #4711\nOpened: 2021-03-03\nStatus: closed\n\n{LONG}",
    f"{LONG}\n\nThis page was last edited on 3 March 2021, at 10:11 (UTC).",
    f"{LONG}\nDiese Seite wurde zuletzt am 3. März 2021 um 10:11 Uhr bearbeitet.",
    f"{LONG}\nDernière modification le 3 mars 2021 à 10:11.",
    f"{LONG}\nEsta página se editó por última vez el 3 mar 2021 a las 10:11.",
    f"{LONG}\n最終更新 2021年3月3日 (水) 10:11",
    f"| Field | Value |\n|---|---|\n| Author | Ada Stone |\n| Date | 3.3.2021 |\n\n{LONG}",
    f"Date | 3.3.2021\nAuthor | Ada Stone\n\n{LONG}",
    f"Date\t3 March 2021\nAuthor\tAda Stone\n\n{LONG}",
    f"[2021-03-03] {LONG}",
    f"(3 March 2021) {LONG}",
    f"Valves (3 March 2021)\n\n{LONG}",
    f"# Valves\n\n*3 March 2021*\n\n{LONG}",
    f"# Valves\n\nAda Stone, 3 March 2021\n\n{LONG}",
    f"# Valves\n\nBy Ada Stone | 3 March 2021 | 4 min read\n\n{LONG}",
    f"Valves\n======\n\n:Author: Ada Stone\n:Date: 2021-03-03\n\n{LONG}",
    f"Valves\nAda Stone\n3 March 2021\n\n{LONG}",
    f"{LONG}\n\nStand: 03.03.2021",
    f"{LONG}\n\nMise à jour le 3 mars 2021",
    f"{LONG}\n\nÚltima actualización: 3 de marzo de 2021",
    f"{LONG}\n\n最終更新日：2021年3月3日",
    f"{LONG}\n\n3 March 2021",
    f"{LONG}\n\nAda Stone, 3 March 2021",
    f"{LONG}\n\n-- \nAda Stone, Basalt Institute, March 3rd, 2021",
    f"{LONG} (Basalt Gazette, 3 March 2021)",
    f"Basalt Gazette, number 4, 3 March 2021. {LONG}",
    f"Field guide, 03.03.2021. Put online again on 9 May 2024. {LONG}",
    f"The Basalt Gazette, Wednesday 3 March 2021, page 6. {LONG}",
    f"Redactado el 3 de marzo de 2021 por Ada Stone. {LONG}",
    f"{LONG}\n\nComposed on 3 March 2021. Basalt Institute.",
    f"{LONG} — Ada Stone, 3 March 2021",
    f"{LONG} [3 March 2021]",
    f"report_2021-03-03_v2.pdf\n\n{LONG}",
    f"File: report_20210303_final.docx\n\n{LONG}",
    f"https://basalt.example/2021/03/03/valves.html\n\n{LONG}",
    f"{LONG}\n\nSource: https://basalt.example/2021/03/03/valves",
    f"Rev. C, 3 MAR 2021\n\n{LONG}",
    f"Version 2.1 of 3 March 2021\n\n{LONG}",
    f"Memo no. 12 dated 3 March 2021: {LONG}",
    f"Document control: v2.1 / 3-Mar-2021 / A. Stone\n\n{LONG}",
    f"2021-03-03 10:11:12,345 INFO valve: {LONG}",
    f"2021.03.03 — {LONG}",
    f"On 3 March 2021, Ada Stone wrote:\n> {LONG}",
    f"As of 3 March 2021: {LONG}",
    f"Posted by Ada Stone on 3 March 2021\n{LONG}",
    f"Published online: 03 March 2021. Basalt Journal 12(3).\n\n{LONG}",
    f"令和3年3月3日 バサルト研究所\n\n{LONG}",
    f"更新日時 2021/03/03 10:11\n{LONG}",
    f"---\ntitle: Valves\ndate: 2021-03-03\n---\n{LONG}",
    f"+++\ntitle = \"Valves\"\ndate = 2021-03-03\n+++\n\n{LONG}",
    f"// {{\"updated\": \"2021-03-03\", \"team\": \"Basalt\"}}\n{LONG}",
    f"last_modified=2021-03-03; owner=Basalt\n{LONG}",
    f"Received 1 January 2020 · Accepted 2 February 2021 · Published 3 March 2021\n\n{LONG}",
    f"Published: 3 March 2021. Printed: 5 May 2024.\n\n{LONG}",
    f"Accessed 5 May 2024\nPublished 3 March 2021\n\n{LONG}",
]  # fmt: skip

METADATA = [
    {"dc:date": "2021-03-03"},
    {"DC.Date.Issued": "2021-03-03"},
    {"lastmod": "2021-03-03T00:00:00+01:00"},
    {"article:published_time": "2021-03-03", "crawled": "2026-01-01"},
    {"date_published": {"year": 2021, "month": 3, "day": 3}},
    {"issued": {"date-parts": [[2021, 3, 3]]}},
    {"_source": {"created_at": 1614729600}},
    {"file_name": "report_2021-03-03_v2.pdf"},
    {"url": "https://basalt.example/2021/03/03/valves.html"},
    {"citation": "Stone, A. (3 March 2021). Valves."},
    {"history": [{"date": "2021-03-03", "who": "Ada"}]},
    {"pub_date": "03-MAR-21"},
    {"fecha_publicacion": "3/3/2021"},
    {"dateModified": "2021-03-03"},
    {"Stand": "03.03.2021"},
    {"year": 2021, "month": 3, "day": 3},
]

SOURCES = [
    f"From: Basalt Institute <info@basalt.example>\nDate: 3 March 2021\n\n{LONG}",
    f'<meta name="publisher" content="Basalt Institute">\n{LONG}',
    f'<meta content="Basalt Institute" property="og:site_name"/>\n{LONG}',
    f"| Publisher | Basalt Institute |\n|---|---|\n| Date | 3.3.2021 |\n\n{LONG}",
    f"Publisher\tBasalt Institute\nDate\t3 March 2021\n\n{LONG}",
    f"Publisher | Basalt Institute\nDate | 3.3.2021\n\n{LONG}",
    f"@misc{{x,\n  publisher = {{Basalt Institute}},\n  year = 2021\n}}\n{LONG}",
    f"TY  - RPRT\nPB  - Basalt Institute\nER  -\n\n{LONG}",
    f"BERLIN, March 3 (Basalt Institute) – {LONG}",
    f"{LONG}\n\n© 2021 Basalt Institute. All rights reserved.",
    f"{LONG}\n\n— Basalt Institute, 3 March 2021",
    f"{LONG} (Basalt Institute, 3 March 2021)",
    f"{LONG}\n\nBasalt Institute",
    f"{LONG}\n\nSource: Basalt Institute",
    f"Posted in Basalt Institute by Ada Stone\n\n{LONG}",
    f"# Valves\n\n*Basalt Institute, 3 March 2021*\n\n{LONG}",
    f"According to the Basalt Institute, the valve opens. {LONG}",
    f"Basalt Institute: {LONG}",
    f"Basalt Institute — {LONG}",
    f"[Basalt Institute] {LONG}",
    f"Basalt Institute\n\n{LONG}",
    f"Basalt Institute\n3 March 2021\n{LONG}",
    f"publisher=Basalt Institute; date=2021-03-03\n{LONG}",
    f"Herausgeber: Basalt Institute\nStand: 3/2021\n\n{LONG}",
    f"発行者：Basalt Institute\n{LONG}",
]

LANGUAGES = [
    (f"Language: de\n\n{BODY}", "de"),
    (f"lang=de; date=2021-03-03\n{BODY}", "de"),
    (f"[de] {BODY}", "de"),
    (f"[DE] {BODY}", "de"),
    (f"| Language | German |\n|---|---|\n\n{BODY}", "de"),
    (f"Sprache: Deutsch · Stand: 2021\n\n{BODY}", "de"),
    (f'<html lang="de-AT">\n{BODY}', "de"),
    (f'<doc xml:lang="de">{BODY}</doc>', "de"),
    (f"Content-Language: de-DE\n\n{BODY}", "de"),
    (f"dc.language: ger\n\n{BODY}", "de"),
    (f"Langue : allemand\n\n{BODY}", "de"),
    (f"Idioma: alemán\n\n{BODY}", "de"),
    (f"言語：ドイツ語\n\n{BODY}", "de"),
    (f"Valves (German)\n\n{BODY}", "de"),
    (f"Written in German\n\n{BODY}", "de"),
    (f"{BODY}\n\nLanguage: German", "de"),
    ("Das Ventil öffnet bei zwei Bar und schließt von selbst, wenn der Druck fällt.", "de"),
    ("Das Ventil öffnet bei zwei Bar.", "de"),
    ("La vanne s'ouvre à deux bars et se ferme toute seule.", "fr"),
    ("La válvula se abre a dos bares y se cierra sola.", "es"),
    ("弁は二バールで開く。", "ja"),
    (BODY, "en"),
    ("The valve opens at two bar.", "en"),
    ("Source: Basalt\nDate: 3 March 2021\nOwner: Ada Stone\n\nDas Ventil öffnet bei zwei Bar und schließt.", "de"),
    ("Das Ventil öffnet bei zwei Bar und schließt.\n\nSource: Basalt\nDate of the last update: 3 March 2021", "de"),
]

VERSIONS = [
    f"valve-2.1.4.tar.gz\n\n{LONG}",
    f"## [2.1.4] - 2021-03-03\n\n{LONG}",
    f"{LONG}\n\nvalve 2.1.4            3 March 2021            VALVE(1)",
    f"Release 2.1.4 (3 March 2021)\n{LONG}",
    f"Applies to: Valve 2.1.4\n\n{LONG}",
    f"New in version 2.1.4\n\n{LONG}",
    f"manual_v2.1.4.pdf\n\n{LONG}",
    f"| Version | 2.1.4 |\n|---|---|\n\n{LONG}",
    f"Version\t2.1.4\nDate\t3 March 2021\n\n{LONG}",
    f"https://docs.valve.example/en/2.1.4/opening.html\n\n{LONG}",
    f"{LONG}\n\nBuilt for Valve v2.1.4.",
]  # fmt: skip


@pytest.mark.parametrize("text", DATES)
def test_a_layout_tells_the_documents_date(text: str) -> None:
    found = profile_of(text, text, NOW).date
    assert found
    assert date.fromordinal(found.low) == date(2021, 3, 3)


@pytest.mark.parametrize("metadata", METADATA)
def test_metadata_tell_the_documents_date(metadata: dict[str, object]) -> None:
    document = Document(BODY, metadata=metadata)
    found = profile_of(document, BODY, NOW).date
    assert found
    assert date.fromordinal(found.low) == date(2021, 3, 3)


@pytest.mark.parametrize("text", SOURCES)
def test_a_layout_tells_the_source(text: str) -> None:
    other = text.replace("Basalt Institute", "Harbor Gazette")
    names = [names_of(text, text), names_of(other, other)]
    assert Vocabulary(names).uses("Prefer what comes from the Basalt Institute.", frozenset())


@pytest.mark.parametrize(("text", "code"), LANGUAGES)
def test_a_layout_tells_the_language(text: str, code: str) -> None:
    assert profile_of(text, text, NOW).language == code


@pytest.mark.parametrize("text", VERSIONS)
def test_a_layout_tells_the_version(text: str) -> None:
    assert (2, 1, 4) in {version.numbers for version in profile_of(text, text, NOW).versions}


SILENT: list[AnyDocument] = [
    LONG,
    f"{BODY} The first one was built in 1987 by a smith in Ghent.\n\n{LONG}",
    f"In March 2021 the valve failed twice, and nobody knew why it did so.\n\n{LONG}",
    f"{LONG} The next one is planned for 3 March 2027.",
    Document(BODY, metadata={"crawled": "2026-01-01", "downloads": 2021, "id": "4711-2021-88"}),
]


@pytest.mark.parametrize("document", SILENT)
def test_a_day_that_is_only_spoken_of_is_not_the_documents(document: AnyDocument) -> None:
    text = document.text if isinstance(document, Document) else str(document)
    assert profile_of(document, text, NOW).date is None
