"""Engines whose parameters are question marks, one for each use, in the order of the text."""

from __future__ import annotations

import re

from vobroker.adql.platforms.base import Translation, Translator


class Positional(Translator):
    """Translator that numbers parameters while it writes and puts question marks in the end."""

    def placeholder(self, number: int) -> str:
        """Write a mark that nothing else in the SQL can look like: names hold no NUL."""
        return f"\0{number}\0"

    def translate(self) -> Translation:
        """Write the whole query."""
        numbered = super().translate()
        order = [int(number) for number in re.findall("\0([0-9]+)\0", numbered.sql)]
        sql = re.sub("\0[0-9]+\0", "?", numbered.sql)
        return Translation(sql, [numbered.parameters[number - 1] for number in order])
