"""The playground: one page, put together once, that asks this server and nobody else.

Knows the files beside it and the policy that they are sent with; not what ranks.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

PATH = "/playground"
"""Where the page is, and where a browser that comes to / is led."""

_HERE = Path(__file__).parent
_SCRIPTS = ("documents.js", "request.js", "code.js", "results.js", "form.js")
"""One module when put together, in this order: the last one starts."""


def playground(request: Request) -> Response:
    """The page, with a policy that lets it load nothing and speak to its own server only."""
    page, policy = _page()
    headers = {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    }
    return Response(page, media_type="text/html; charset=utf-8", headers=headers)


@cache
def _page() -> tuple[str, str]:
    """The HTML, and the policy that names what is in it by its hashes."""
    style = _read("style.css")
    script = "\n".join(_read(name) for name in _SCRIPTS)
    # "<" cannot end the element that it stands in when it is written as an escape.
    examples = json.dumps(json.loads(_read("examples.json")), ensure_ascii=False).replace("<", "\\u003c")
    page = _read("index.html")
    for mark, text in {"/*style*/": style, "/*script*/": script, "/*examples*/": examples}.items():
        page = page.replace(mark, text)
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
