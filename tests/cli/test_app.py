"""The command line as a whole."""

from __future__ import annotations

import subprocess
import sys


def test_a_command_whose_parts_are_not_installed_names_what_to_install() -> None:
    code = (
        "import sys; sys.modules['duckdb'] = None; sys.argv = ['vobroker', 'query', 'SELECT a FROM b'];"
        "from vobroker.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "error: this command needs duckdb, which is not installed: pip install 'vobroker[broker]'\n"
    )
