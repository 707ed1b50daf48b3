"""Small models, written in the text form of ONNX."""

from __future__ import annotations

from pathlib import Path

import onnx.parser

SIGMOID = "g (float[N,1] X) => (float[N,1] P) { P = Sigmoid(X) }"

BRIGHT = """
    name = "bright"
    description = "How bright it is"
    version = "1.2"
    inputs = [{ columns = ["alert.mag"] }]
    outputs = [{ column = "p", ucd = "stat.probability", description = "Sigmoid of the magnitude" }]
"""


def onnx_of(graph: str, opset: str = '"": 17') -> bytes:
    """Give the model of a graph."""
    return bytes(
        onnx.parser.parse_model(f"<ir_version: 8, opset_import: [{opset}]>\n{graph}").SerializeToString()
    )


def written(folder: Path, model: bytes | str = SIGMOID, declaration: str = BRIGHT) -> Path:
    """Write a folder with a model and what it declares."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(onnx_of(model) if isinstance(model, str) else model)
    (folder / "classifier.toml").write_text(declaration)
    return folder
