"""Another secondpass, through the Cohere v2 dialect that its server speaks."""

from __future__ import annotations

from dataclasses import replace

from secondpass.hosted.cohere import COHERE

SECONDPASS = replace(
    COHERE,
    name="secondpass",
    title="secondpass",
    base_url=None,
    key_variables=("SECONDPASS_API_KEY",),
    url_variables=(),
    needs_key=False,
    default_model="embedded",
)
