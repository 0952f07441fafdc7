"""Word-for-word English of texts in other languages, for models that read English alone."""

from secondpass.text.glossary.glossary import Gloss, Glossary, built_in, gloss

__all__ = ["Gloss", "Glossary", "built_in", "gloss"]
