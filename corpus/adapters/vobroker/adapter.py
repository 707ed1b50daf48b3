"""The parser of vobroker, which is in this repository, asked like any other."""

from __future__ import annotations

import sys

from protocol import main

from vobroker.adql import AdqlError, parse


def refusal(text: str) -> str:
    """Give the reason why a text is refused."""
    try:
        parse(text)
    except AdqlError as error:
        return str(error)
    return ""


sys.exit(main(refusal))
