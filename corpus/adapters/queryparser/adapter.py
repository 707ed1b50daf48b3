"""The ADQL parser of queryparser, without the translation that follows it."""

from __future__ import annotations

import sys

from protocol import main
from queryparser.adql import ADQLQueryTranslator
from queryparser.exceptions import QuerySyntaxError


def refusal(text: str) -> str:
    """Give the reason why a text is refused."""
    try:
        ADQLQueryTranslator(text)
    except QuerySyntaxError as error:
        return f"line, column, text: {error.syntax_errors[:1]}"
    return ""


sys.exit(main(refusal))
