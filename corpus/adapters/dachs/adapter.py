"""The grammar of DaCHS, without the checks of names and functions that follow it."""

from __future__ import annotations

import sys

from gavo import adql
from gavo.utils import pyparseString
from protocol import main

_, GRAMMAR = adql.getRawGrammar()


def refusal(text: str) -> str:
    """Give the reason why a text is refused."""
    try:
        pyparseString(GRAMMAR, text)
    except (adql.ParseException, adql.ParseSyntaxException) as error:
        return str(error)
    return ""


sys.exit(main(refusal))
