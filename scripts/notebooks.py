"""Run the notebooks as a user does, and write what they show into docs/notebooks: ``make notebooks``."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "notebooks"
HEAD = "<!-- made from notebooks/{name}.ipynb by `make notebooks` -->\n\n"


def main() -> None:
    """Write a page for each notebook."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "vobroker", "notebook", "--no-open", "--simulate"]
        with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True) as started:  # noqa: S603
            said = ""
            for line in started.stdout or ():
                said += line
                if "Ctrl-C" in line:
                    break
            try:
                found = re.search(r"service: +(\S+),", said)
                assert found, said
                os.environ |= {
                    "VOBROKER_AT": found[1],
                    "VOBROKER_ARCHIVE": f"{folder}/vobroker-data",
                }
                for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
                    write(notebook, Path(folder) / "notebooks")
            finally:
                started.send_signal(signal.SIGINT)


def write(notebook: Path, work: Path) -> None:
    """Run a notebook in a kernel of its own, and write its page and pictures."""
    name = notebook.stem
    content = nbformat.read(notebook, 4)
    NotebookClient(content, timeout=600, resources={"metadata": {"path": str(work)}}).execute()
    resources = {"unique_key": name, "output_files_dir": "images"}
    text, resources = MarkdownExporter().from_notebook_node(content, resources)
    # Links lead to pages, and what differs from run to run is left out.
    text = text.replace(".ipynb)", ".md)").replace("![png](", f"![{name}](")
    text = re.sub(r'<table id="table\d+"', "<table", re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE))
    (PAGES / "images").mkdir(parents=True, exist_ok=True)
    for old in (PAGES / "images").glob(f"{name}_*.png"):
        old.unlink()
    (PAGES / f"{name}.md").write_text(HEAD.format(name=name) + text.strip() + "\n")
    for file, picture in resources["outputs"].items():
        (PAGES / file).write_bytes(small(picture))
    print(f"{name}: {len(resources['outputs'])} pictures")


def small(picture: bytes) -> bytes:
    """Give a picture of few colours: plots have no more."""
    written = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(128).save(written, "PNG", optimize=True)
    return written.getvalue()


if __name__ == "__main__":
    main()
