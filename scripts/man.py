"""Write the manual page man/vobroker.1 from the command line.

Run as ``.venv/bin/python -m scripts.man`` in the checkout, or by ``make man``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer

from vobroker.cli import app

PAGE = Path(__file__).resolve().parents[1] / "man" / "vobroker.1"
LICENCE = "GPL-3.0-or-later; there is no warranty."


def roff(text: str) -> str:
    """Escape a text for roff, on one line, without the markup of the terminal."""
    line = " ".join(re.sub(r"\[/?(?:bold|dim|italic)\]", "", text).split())
    line = line.replace("\\", r"\e").replace("-", r"\-").replace("`", r"\`")
    return rf"\&{line}" if line[:1] in (".", "'") else line


def described(command: Any, path: str) -> list[str]:
    """Give the section of one command, and those of all commands below it."""
    lines = [f'.SS "{roff(path)}"', roff(command.help or "")]
    for one in command.params:
        text = getattr(one, "help", None)
        if getattr(one, "hidden", False) or one.name in ("help", "install_completion", "show_completion"):
            continue
        names = [*one.opts, *one.secondary_opts] if one.param_type_name == "option" else [one.name.upper()]
        lines += [".TP", rf"\fB{roff(', '.join(names))}\fR", roff(text or "") or r"\&"]
    for name, below in getattr(command, "commands", {}).items():
        if not below.hidden:
            lines += described(below, f"{path} {name}")
    return lines


def page() -> str:
    """Give the whole page."""
    command = typer.main.get_command(app())
    lines = [
        '.TH VOBROKER 1 "" "vobroker" "User commands"',
        ".SH NAME",
        r"vobroker \- alert broker for the Virtual Observatory",
        ".SH SYNOPSIS",
        r"\fBvobroker\fR [\fB\-V\fR] \fICOMMAND\fR [\fIOPTIONS\fR] [\fIARGUMENTS\fR]",
        ".SH DESCRIPTION",
        "Survey alerts come in; ADQL archives, filtered streams and VOEvents go out.",
        r"Every command tells more with \fB\-\-help\fR.",
        ".SH COMMANDS",
        *described(command, "vobroker"),
        ".SH COPYRIGHT",
        roff(LICENCE),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
