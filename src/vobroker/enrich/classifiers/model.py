"""What is checked of a model before anything of it runs (ONNX IR, onnx.proto)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vobroker.enrich.errors import EnrichError

FILE = "model.onnx"
MAX_BYTES = 2**28
"""Largest model."""

MAX_NODES = 100_000
MIN_OPSET = 7
"""Oldest operators that onnxruntime promises to run."""

_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
_DEPTH = 100


def read(path: Path) -> bytes:
    """Give a model's bytes.

    Raises
    ------
    EnrichError
        If it is no file in its folder, cannot be read, or is too large.
    """
    try:
        if path.resolve().parent != path.parent.resolve() or not path.is_file():
            raise EnrichError(f"{path} is no file, or a link to one elsewhere")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise EnrichError(f"cannot read {path}: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise EnrichError(f"{path} has more than {MAX_BYTES:,} bytes")
    return data


def check(data: bytes, path: Path) -> dict[str, int]:
    """Check a model, and give the versions of its operators by their domain.

    Raises
    ------
    EnrichError
        If it is no ONNX, has operators that are not the standard's, or keeps numbers in other files.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise EnrichError(
            "models are checked by onnx, which is not installed: pip install 'vobroker[classifiers]'"
        ) from error
    try:
        model = onnx.ModelProto.FromString(data)
    except Exception as error:  # protobuf has no common one
        raise EnrichError(f"{path} is no ONNX model: {' '.join(str(error).split())[:200]}") from error
    if not model.graph.output:
        raise EnrichError(f"{path} is no ONNX model: it gives nothing")
    versions = {entry.domain or "ai.onnx": int(entry.version) for entry in model.opset_import}
    version = versions.get("ai.onnx", 0)
    newest = onnx.defs.onnx_opset_version()
    if version and not MIN_OPSET <= version <= newest:
        raise EnrichError(
            f"{path} has operators of version {version}; those from {MIN_OPSET} to {newest} run"
        )
    own = {(function.domain, function.name) for function in model.functions}
    nodes = 0
    for part in _parts(model, path):
        kind = part.DESCRIPTOR.name
        if kind == "NodeProto":
            nodes += 1
            if part.domain not in _DOMAINS and (part.domain, part.op_type) not in own:
                raise EnrichError(
                    f"{path}: the operator {part.domain[:60]}.{part.op_type[:60]} is none of the standard's"
                )
        elif kind == "TensorProto" and (part.external_data or part.data_location == part.EXTERNAL):
            places = {entry.key: entry.value for entry in part.external_data}
            raise EnrichError(
                f"{path}: the numbers of {part.name[:60]!r} are in the file"
                f" {places.get('location', '')[:60]!r}; save the model as one file"
            )
    if nodes > MAX_NODES:
        raise EnrichError(f"{path} has {nodes:,} operators, more than {MAX_NODES:,}")
    return versions


def _parts(message: Any, path: Path) -> Iterator[Any]:
    """Give all messages of a model, however deep."""
    waiting = [(message, 0)]
    while waiting:
        part, depth = waiting.pop()
        if depth > _DEPTH:
            raise EnrichError(f"{path} has more than {_DEPTH} levels")
        yield part
        for field, value in part.ListFields():
            if field.message_type is not None:
                inside = [value] if hasattr(value, "DESCRIPTOR") else value
                waiting += [(one, depth + 1) for one in inside]
