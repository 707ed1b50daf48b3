"""A model that judges alerts: how it is added, and the rows that it makes.

The table ``classifier_NAME`` has a row for every alert: what the model said, and its version. It is told
columns of the alert, of its survey's native table, and of all that the alert is enriched with. They are
stored with the alert too, so that what a model said can be found again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.columns import ALERT
from vobroker.alerts.surveys import SURVEYS
from vobroker.enrich.catalogue import INFO, free_place, new_folder
from vobroker.enrich.classifiers import declaration, model
from vobroker.enrich.classifiers.child import Arrays
from vobroker.enrich.classifiers.declaration import (
    VERSION,
    Declaration,
    Feature,
    Input,
    Limits,
    Output,
)
from vobroker.enrich.classifiers.process import Process, Tensor
from vobroker.enrich.errors import EnrichError
from vobroker.enrich.known import Known
from vobroker.enrich.layer import KEYS, Found, keys
from vobroker.votypes.arrow import schema
from vobroker.votypes.columns import Column, Table

KIND = "classifier"

_VERSION_COLUMN = Column(VERSION, "VARCHAR", "", "meta.version", "Version of the model that judged the alert")
_NUMBERS = ("BOOLEAN", "SMALLINT", "INTEGER", "BIGINT", "REAL", "DOUBLE")
_IN = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}
_OUT = {
    "tensor(float)": "REAL",
    "tensor(double)": "DOUBLE",
    "tensor(float16)": "REAL",
    "tensor(int64)": "BIGINT",
    "tensor(int32)": "INTEGER",
    "tensor(bool)": "BOOLEAN",
    "tensor(string)": "VARCHAR",
}
_SURVEYS = frozenset(survey.name for survey in SURVEYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Info(Known):
    """What is known of a classifier.

    Attributes
    ----------
    declaration
        What it says of itself, with the types of its columns; inputs and outputs are named.
    opset
        Versions of its operators by their domain.
    types
        Type of each input, in the words of onnxruntime.
    size, digest
        Bytes of the model, and their SHA-256.
    """

    declaration: Declaration
    opset: dict[str, int]
    types: dict[str, str]
    size: int
    digest: str
    kind: str = KIND


def add(store: Path, folder: Path, tables: Mapping[str, Table], *, name: str = "") -> Info:
    """Take a classifier out of a folder with a model and what it declares.

    Parameters
    ----------
    store
        Folder of all that alerts are enriched with.
    folder
        With ``model.onnx`` and ``classifier.toml``.
    tables
        What alerts are enriched with, by name: the model may be told of these, of ``alert`` and of native
        ones.
    name
        Instead of the one in the declaration.

    Raises
    ------
    EnrichError
        If the name is taken or cannot be used, the declaration does not fit the model or names what there is
        not, the model is refused or cannot be run. There is no classifier then.
    """
    said = declaration.read(folder / declaration.FILE)
    name = name or said.name
    final = free_place(store, name, KIND)
    where = str(folder / declaration.FILE)
    for feature in said.features:
        _check_feature(feature, tables, where)
    if said.survey and said.survey not in _SURVEYS:
        raise EnrichError(f"{where}: there is no survey {said.survey[:60]!r}")
    data = model.read(folder / model.FILE)
    opset = model.check(data, folder / model.FILE)
    process = Process(data, said.limits)
    try:
        inputs, outputs = process.signature()
        said = _fitted(said, inputs, outputs, where)
        types = {one.name: one.type for one in inputs}
        _tried(process, said, types)
    except EnrichError as error:
        known = str(error).startswith(where)
        raise error if known else EnrichError(f"{folder / model.FILE} cannot be used: {error}") from error
    finally:
        process.close()
    info = Info(
        name=name,
        description=said.description,
        source=folder.resolve().name,
        added=datetime.now(UTC).isoformat(timespec="seconds"),
        declaration=said,
        opset=opset,
        types=types,
        size=len(data),
        digest=hashlib.sha256(data).hexdigest(),
    )
    try:
        with new_folder(final) as place:
            (place / model.FILE).write_bytes(data)
            (place / INFO).write_text(json.dumps(asdict(info), indent=1) + "\n")
    except OSError as error:
        raise EnrichError(f"cannot write to {store}: {error.strerror or error}") from error
    return info


def read(folder: Path) -> Info:
    """Give what is known of a classifier.

    Raises
    ------
    EnrichError
        If it is none, damaged, or of a newer version.
    """
    try:
        told: dict[str, Any] = json.loads((folder / INFO).read_text())
        said = told["declaration"]
        said["inputs"] = tuple(
            Input(tuple(Feature(**f) for f in one["features"]), one["name"]) for one in said["inputs"]
        )
        said["outputs"] = tuple(Output(**one) for one in said["outputs"])
        said["limits"] = Limits(**said["limits"])
        told["declaration"] = Declaration(**said)
        return Info(**told)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EnrichError(f"{folder} is damaged, or was made by a newer vobroker: {error}") from error


class Classifier:
    """A model that judges alerts; threads may share it.

    Attributes
    ----------
    info
        What is known of it.
    table
        Its table.

    Raises
    ------
    EnrichError
        If it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.info = read(folder)
        data = model.read(folder / model.FILE)
        if hashlib.sha256(data).hexdigest() != self.info.digest:
            raise EnrichError(f"{folder / model.FILE} is another model than was added")
        said = self.info.declaration
        columns = tuple(Column(o.column, o.type, o.unit, o.ucd, o.description) for o in said.outputs)
        self.table = Table(self.info.table, (*KEYS, *columns, _VERSION_COLUMN), self.info.description)
        self._process = Process(data, said.limits)

    def close(self) -> None:
        """End the model's process."""
        self._process.close()

    def of(self, batch: AlertBatch, found: Mapping[str, Found]) -> Found:
        """Judge alerts; those that the model could not judge have nulls, and the warning says why.

        Parameters
        ----------
        batch
            Alerts.
        found
            What they are enriched with, by table.
        """
        given: dict[str, pa.Array] = {}
        lacking: list[str] = []
        for table, columns in self.needs().items():
            if table == ALERT.name:
                given |= {f"{table}.{name}": batch.alert[name] for name in columns}
            elif table in _SURVEYS:
                given |= _native(batch, table, columns)
            elif table not in found or found[table].error is not None:
                why = found[table].error if table in found else "it is not there any more"
                lacking.append(f"it is told {table}, which cannot be: {why}")
            else:
                given |= _spread(found[table], columns, len(batch))
        return self.judged(batch.alert, given, lacking[0] if lacking else None)

    def needs(self) -> dict[str, list[str]]:
        """Give the columns that the model is told, by table."""
        needed: dict[str, list[str]] = {}
        for feature in self.info.declaration.features:
            if feature.column not in needed.setdefault(feature.table, []):
                needed[feature.table].append(feature.column)
        return needed

    def judged(self, alert: pa.RecordBatch, given: Mapping[str, pa.Array], lacking: str | None) -> Found:
        """Make the rows of alerts.

        Parameters
        ----------
        alert
            Their ``survey`` and ``alert_id``.
        given
            Columns by ``TABLE.COLUMN``, a value an alert.
        lacking
            Why nothing can be given, in one sentence.
        """
        said = self.info.declaration
        rows = np.arange(len(alert))
        if said.survey:
            rows = np.flatnonzero(np.asarray(pc.equal(alert["survey"], said.survey)))
        warning = lacking
        known = np.zeros(len(rows), bool)
        answers: Arrays = {}
        if not lacking and len(rows):
            taken = pa.array(rows)
            try:
                tensors, known = _tensors(
                    said, self.info.types, {name: one.take(taken) for name, one in given.items()}, len(rows)
                )
                if known.any():
                    answers = _asked(self._process, said, tensors, int(known.sum()))
            except EnrichError as error:
                warning, known = str(error), np.zeros(len(rows), bool)
        values = keys(alert, rows)
        for output in said.outputs:
            column, missing = _column(answers.get(output.column), output, known)
            values[output.column] = column
            if missing:
                warning = f"{missing:,} of {int(known.sum()):,} values of {output.column} are no numbers"
        values[VERSION] = pa.repeat(pa.scalar(said.version), len(rows))
        target = pa.schema([(f.name, f.type) for f in schema(self.table)])
        made = pa.table([values[f.name] for f in target], schema=target)
        return Found(self.table, rows, made, warning=warning)


# -- what a model is told -----------------------------------------------------------------------------


def _native(batch: AlertBatch, survey: str, columns: Sequence[str]) -> dict[str, pa.Array]:
    """Give native columns; null where the alerts are another survey's, or their schema lacks one."""
    has = [name for name in columns if batch.survey == survey and name in batch.table]
    native = batch.native(has) if has else None
    names = {name.lower(): name for name in native.schema.names} if native is not None else {}
    return {
        f"{survey}.{name}": native[names[name.lower()]]
        if native is not None and name in has
        else pa.nulls(len(batch), pa.float64())
        for name in columns
    }


def _spread(found: Found, columns: Sequence[str], number: int) -> dict[str, pa.Array]:
    """Give columns of a table a value an alert; null where an alert has no row."""
    places = np.full(number, -1)
    places[found.rows] = np.arange(len(found.rows))
    taken = pa.array(places, mask=places < 0)
    values = found.values.combine_chunks()
    return {
        f"{found.table.name}.{name}": _one(values[found.table[name].name].take(taken)) for name in columns
    }


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _tensors(
    said: Declaration, types: Mapping[str, str], given: Mapping[str, pa.Array], number: int
) -> tuple[Arrays, NDArray[np.bool_]]:
    """Give the tensors of the alerts that can be judged, and which these are."""
    known = np.ones(number, bool)
    made: dict[str, list[NDArray[np.float64]]] = {}
    for one in said.inputs:
        made[one.name] = []
        for feature in one.features:
            values = _numbers(given[str(feature)], feature)
            gone = np.isnan(values)
            if feature.null is None:
                known &= ~gone
            else:
                values = np.where(gone, feature.null, values)
            made[one.name].append(values)
    tensors: Arrays = {}
    for name, columns in made.items():
        with np.errstate(over="ignore", invalid="ignore"):
            tensors[name] = np.column_stack(columns)[known].astype(_IN[types[name]])
    return tensors, known


def _numbers(column: pa.Array, feature: Feature) -> NDArray[np.float64]:
    """Give the numbers of a column, NaN for null."""
    try:
        if feature.equals is not None:
            column = pc.equal(column.cast(pa.string()), feature.equals)
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.int8())
        column = column.cast(pa.float64(), safe=False)
    except pa.ArrowException as error:
        raise EnrichError(f"{feature} holds no numbers: {str(error).splitlines()[0][:200]}") from error
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


# -- what it answers ----------------------------------------------------------------------------------


def _asked(process: Process, said: Declaration, tensors: Arrays, number: int) -> Arrays:
    """Give the values of each column, of the alerts that are judged."""
    answers = process.run(tensors, list(dict.fromkeys(output.output for output in said.outputs)))
    columns = {}
    for output in said.outputs:
        values = answers.get(output.output)
        if values is None or values.ndim not in (1, 2) or len(values) != number:
            shape = "nothing" if values is None else f"values of shape {values.shape}"
            raise EnrichError(f"it gives {shape} as {output.output} for {number:,} alerts")
        if values.ndim == 2 and values.shape[1] <= output.place:
            raise EnrichError(f"it gives {values.shape[1]} values an alert, and none at place {output.place}")
        columns[output.column] = values if values.ndim == 1 else values[:, output.place]
    return columns


def _column(values: NDArray[Any] | None, output: Output, known: NDArray[np.bool_]) -> tuple[pa.Array, int]:
    """Give a column with the values where they are known, and how many of these are no numbers."""
    kind = schema(Table("", (Column(output.column, output.type),)))[0].type
    if values is None:
        return pa.nulls(len(known), kind), 0
    places = np.full(len(known), -1)
    places[known] = np.arange(int(known.sum()))
    bad = 0
    if values.dtype.kind == "f":
        numbers = np.asarray(values, np.float64 if output.type == "DOUBLE" else np.float32)
        gone = ~np.isfinite(numbers)
        bad = int(gone.sum())
        column = pa.array(numbers, mask=gone)
    else:
        column = pa.array(values.tolist() if values.dtype.kind in "OU" else values)
    return column.take(pa.array(places, mask=places < 0)).cast(kind), bad


# -- what is checked when one is added ----------------------------------------------------------------


def _check_feature(feature: Feature, tables: Mapping[str, Table], where: str) -> None:
    table = ALERT if feature.table == ALERT.name else tables.get(feature.table)
    if table is None and feature.table in _SURVEYS:
        return  # whose columns are those of its packets
    if table is None or feature.table.startswith(f"{KIND}_"):
        there = ", ".join((ALERT.name, *sorted(name for name in tables if not name.startswith(f"{KIND}_"))))
        raise EnrichError(f"{where}: a model cannot be told {feature}: there are {there}, and {_surveys()}")
    if feature.column not in table:
        raise EnrichError(f"{where}: {feature.table} has no column {feature.column}")
    kind = table[feature.column].type
    if feature.equals is None and kind not in _NUMBERS:
        raise EnrichError(f"{where}: {feature} is {kind}, and no number; a text may be compared by 'is'")
    if feature.equals is not None and kind != "VARCHAR":
        raise EnrichError(f"{where}: {feature} is {kind}, and no text that 'is' could compare")


def _surveys() -> str:
    return " and ".join(sorted(_SURVEYS))


def _fitted(
    said: Declaration, inputs: Sequence[Tensor], outputs: Sequence[Tensor], where: str
) -> Declaration:
    """Hold a declaration against the model; give it with the names and types of the model."""
    by_name = {one.name: one for one in inputs}
    named = tuple(
        replace(one, name=one.name or (inputs[0].name if len(inputs) == 1 else "")) for one in said.inputs
    )
    declared = [one.name for one in named]
    if sorted(declared) != sorted(by_name):
        raise EnrichError(
            f"{where}: the model takes {', '.join(by_name)}, and the declaration has"
            f" {', '.join(name or 'one without a name' for name in declared)}"
        )
    for one in named:
        _check_input(one, by_name[one.name], where)
    given = {one.name: one for one in outputs}
    typed = tuple(_typed(output, given, where) for output in said.outputs)
    return replace(said, inputs=named, outputs=typed)


def _check_input(one: Input, tensor: Tensor, where: str) -> None:
    if tensor.type not in _IN:
        raise EnrichError(f"{where}: the model's input {one.name} is {tensor.type}, and no tensor of numbers")
    if len(tensor.shape) != 2:
        raise EnrichError(
            f"{where}: the model's input {one.name} has {len(tensor.shape)} dimensions, and not two: alerts"
            " and columns"
        )
    rows, columns = tensor.shape
    if rows is not None:
        raise EnrichError(
            f"{where}: the model's input {one.name} takes {rows} rows at a time; save it for any number of"
            " them"
        )
    if columns is not None and columns != len(one.features):
        raise EnrichError(
            f"{where}: the model's input {one.name} has {columns} columns, the declaration"
            f" {len(one.features)}"
        )
    whole = np.dtype(_IN[tensor.type]).kind != "f"
    for feature in one.features:
        if whole and feature.null is not None and feature.null != feature.null:
            raise EnrichError(f"{where}: {feature} cannot be nan: the input {one.name} is {tensor.type}")


def _typed(output: Output, given: Mapping[str, Tensor], where: str) -> Output:
    name = output.output or (next(iter(given)) if len(given) == 1 else "")
    if name not in given:
        raise EnrichError(
            f"{where}: the model gives {', '.join(given)}, and no {name or 'output without a name'}"
        )
    tensor = given[name]
    if tensor.type not in _OUT:
        hint = "; save it with zipmap off" if tensor.type.startswith("seq(map(") else ""
        raise EnrichError(f"{where}: the model's output {name} is {tensor.type}, and no tensor{hint}")
    if len(tensor.shape) not in (0, 1, 2):
        raise EnrichError(f"{where}: the model's output {name} has {len(tensor.shape)} dimensions")
    wide = tensor.shape[1] if len(tensor.shape) == 2 else 1
    if wide is not None and output.place >= wide:
        raise EnrichError(f"{where}: the model's output {name} has {wide} columns, none at {output.place}")
    return replace(output, output=name, type=_OUT[tensor.type])


def _tried(process: Process, said: Declaration, types: Mapping[str, str]) -> None:
    """Run a model on alerts about which nothing is known."""
    for number in (1, 3):
        tensors: Arrays = {
            one.name: np.tile([f.null or 0.0 for f in one.features], (number, 1)).astype(_IN[types[one.name]])
            for one in said.inputs
        }
        _asked(process, said, tensors, number)
