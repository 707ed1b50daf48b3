"""What a service says of its work on standard error, one line a thing: for people or for machines."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer


class LogForm(StrEnum):
    """How lines look."""

    text = "text"
    json = "json"


LogOption = Annotated[
    LogForm | None,
    typer.Option("--log", help="Write a line for each request, and what is wrong, to standard error."),
]

TOLD = ("method", "path", "status", "seconds", "address")
"""What a line of a request has besides."""


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON; nothing that a caller sends can make it two."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        told = {
            "time": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%f}Z",
            "level": record.levelname.lower(),
            "from": record.name,
            "message": record.getMessage(),
        }
        told |= {name: value for name in TOLD if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=True)


class TextLines(logging.Formatter):
    """Writes a record for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s%(told)s")

    def format(self, record: logging.LogRecord) -> str:
        """Write a record; what a caller has sent is quoted."""
        found = [getattr(record, name, None) for name in TOLD]
        record.told = "".join(
            f" {value if isinstance(value, int) else ascii(value)}" for value in found if value is not None
        )
        return super().format(record)


def begin(form: LogForm | None) -> None:
    """Write lines from now on; without a form only warnings, as Python does by itself."""
    if form is None:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form is LogForm.json else TextLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("vobroker").setLevel(logging.INFO)
