"""A schema and the wanted fields, compiled to the instruction table that the kernel walks by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vobroker.alerts.avro import kernel as k
from vobroker.alerts.avro.schema import (
    Array,
    Enum,
    Field,
    Fixed,
    Map,
    Node,
    Primitive,
    Record,
    SchemaError,
    Union,
)

Path = tuple[str, ...]
"""Names from the top of the record down; the items of an array carry the array's own path."""

WIDTH = {"boolean": 0, "int": 4, "float": 4, "enum": 4, "long": 8, "double": 8, "string": 16, "bytes": 16}
"""Bytes a value takes in its column buffer; booleans are bits, strings a place and a length."""

_STORE = {
    "float": k.F4,
    "double": k.F8,
    "int": k.INT,
    "enum": k.INT,
    "long": k.LONG,
    "boolean": k.BOOL,
    "string": k.STR,
    "bytes": k.STR,
}
_STORE_OPTIONAL = {
    "float": k.NF4,
    "double": k.NF8,
    "int": k.NINT,
    "enum": k.NINT,
    "long": k.NLONG,
    "boolean": k.NBOOL,
    "string": k.NSTR,
    "bytes": k.NSTR,
}
_SIZE = {"null": 0, "boolean": 1, "float": 4, "double": 8}
_RUNS = frozenset({k.NF4, k.NF8, k.NINT, k.NLONG, k.NBOOL})


@dataclass(frozen=True, slots=True)
class Output:
    """One column that a program fills."""

    path: Path
    kind: str
    table: int
    nullable: bool
    logical: str = ""
    symbols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """Instructions, and what their columns and tables are.

    Table 0 has one row a datum; every other table holds the items of one array, ``tables`` its path
    and ``smallest`` the least bytes that one of its items takes.
    """

    code: npt.NDArray[np.int64]
    outputs: tuple[Output, ...]
    tables: tuple[Path, ...]
    smallest: tuple[int, ...]


def compile_program(schema: Record, wanted: Callable[[Path], bool], *, whole: bool = True) -> Program:
    """Compile a schema for the leaves that ``wanted`` names.

    Parameters
    ----------
    schema
        The writer's schema.
    wanted
        Called with the path of each scalar leaf.
    whole
        Walk to the end of the datum and check that nothing is left over; otherwise stop after the
        last wanted top-level field.

    Raises
    ------
    SchemaError
        If the schema has a form that the kernel does not walk.
    """
    compiler = _Compiler(wanted)
    end = 0
    for field in schema.fields:
        before = len(compiler.outputs)
        compiler.field(field, (), 0)
        if len(compiler.outputs) > before:
            end = len(compiler.code)
    if whole:
        compiler.emit(k.END)
    else:
        del compiler.code[end:]
        compiler.emit(k.STOP)
    return Program(
        np.array(compiler.code, np.int64),
        tuple(compiler.outputs),
        tuple(compiler.tables),
        tuple(compiler.smallest),
    )


def leaves(schema: Record) -> list[tuple[Path, Node]]:
    """Give the path and type of every scalar of a record, those of array items left out."""
    found: list[tuple[Path, Node]] = []

    def visit(node: Node, path: Path) -> None:
        match node:
            case Record(fields=fields):
                for field in fields:
                    visit(field.type, (*path, field.name))
            case Union() if node.optional is not None:
                visit(node.optional, path)
            case Primitive() | Enum():
                found.append((path, node))

    visit(schema, ())
    return found


class _Compiler:
    """State of one compilation: the code so far and the columns and tables it fills."""

    def __init__(self, wanted: Callable[[Path], bool]) -> None:
        self.wanted = wanted
        self.code: list[list[int]] = []
        self.outputs: list[Output] = []
        self.tables: list[Path] = [()]
        self.smallest: list[int] = [1]
        self.labels: set[int] = set()

    def emit(self, op: int, a: int = 0, b: int = 0, c: int = 0) -> None:
        """Append an instruction, or lengthen the run before it; no run crosses a jump's target."""
        last = self.code[-1] if self.code and len(self.code) not in self.labels else None
        if last is not None and last[0] == op and last[2] == b:
            if op in _RUNS and last[1] + last[3] == a:
                last[3] += 1
                return
            if op in {k.NSKIP, k.SKIPV, k.NSKIPV} and last[1] == a:
                last[3] += 1
                return
            if op == k.SKIP:
                last[1] += a
                return
        self.code.append([op, a, b, c])

    def label(self) -> int:
        """Mark the next instruction as one that is jumped to."""
        self.labels.add(len(self.code))
        return len(self.code)

    def field(self, field: Field, path: Path, table: int) -> None:
        self.node(field.type, (*path, field.name), table)

    def node(self, node: Node, path: Path, table: int) -> None:
        """Compile one type; ``table`` is -1 where nothing below is kept."""
        match node:
            case Record(fields=fields):
                for field in fields:
                    self.field(field, path, table)
            case Union():
                self.union(node, path, table)
            case Array(items):
                self.array(items, path, table)
            case Map(values):
                self.block(-1, [Primitive("string"), values], path)
            case Fixed(size):
                self.emit(k.SKIP, size)
            case Primitive() | Enum():
                self.scalar(node, path, table, null=-1)

    def scalar(self, node: Primitive | Enum, path: Path, table: int, null: int) -> None:
        """Compile a leaf, inside a union with null where ``null`` is that branch's number."""
        kind = "enum" if isinstance(node, Enum) else node.kind
        tag = 2 * null
        if kind == "null":
            return
        if table >= 0 and self.wanted(path):
            logical = node.logical if isinstance(node, Primitive) else ""
            symbols = node.symbols if isinstance(node, Enum) else ()
            self.outputs.append(Output(path, kind, table, null >= 0, logical, symbols))
            column = len(self.outputs) - 1
            if null >= 0:
                self.emit(_STORE_OPTIONAL[kind], column, tag, 1)
            else:
                self.emit(_STORE[kind], column)
        elif kind in _SIZE:
            self.emit(*((k.NSKIP, _SIZE[kind], tag, 1) if null >= 0 else (k.SKIP, _SIZE[kind])))
        elif kind in {"int", "long", "enum"}:
            self.emit(k.NSKIPV if null >= 0 else k.SKIPV, 0, max(tag, 0), 1)
        else:
            self.emit(*((k.NSKIPB, 0, tag) if null >= 0 else (k.SKIPB,)))

    def union(self, node: Union, path: Path, table: int) -> None:
        inner = node.optional
        if inner is None:
            self.switch(node)
        elif isinstance(inner, Primitive | Enum):
            self.scalar(inner, path, table, node.null_branch)
        else:
            self.code.append([k.UNION, node.null_branch, 0, 0])
            jump = self.code[-1]
            self.label()
            before = len(self.outputs)
            self.node(inner, path, table)
            # A record that is null leaves all its columns null.
            for column in range(before, len(self.outputs)):
                output = self.outputs[column]
                if output.table == table and not output.nullable:
                    self.outputs[column] = Output(
                        output.path, output.kind, table, True, output.logical, output.symbols
                    )
            jump[2] = self.label()

    def switch(self, node: Union) -> None:
        """Compile a union of several types: it is walked over, not kept."""
        self.code.append([k.SWITCH, len(node.branches), 0, 0])
        entries = [[k.JUMP, 0, 0, 0] for _ in node.branches]
        self.code += entries
        exits = []
        for entry, branch in zip(entries, node.branches, strict=True):
            entry[1] = self.label()
            self.node(branch, (), -1)
            exits.append([k.JUMP, 0, 0, 0])
            self.code.append(exits[-1])
        end = self.label()
        for leave in exits:
            leave[1] = end

    def array(self, items: Node, path: Path, table: int) -> None:
        # Arrays inside arrays are walked over: no survey has a light curve there.
        kept = table == 0 and any(self.wanted((*path, *leaf)) for leaf in _leaves_below(items))
        if kept:
            self.tables.append(path)
            self.smallest.append(max(1, smallest(items)))
        self.block(len(self.tables) - 1 if kept else -1, [items], path)

    def block(self, table: int, content: list[Node], path: Path) -> None:
        """Compile the counted blocks of an array or a map."""
        least = sum(smallest(node) for node in content)
        if least == 0:
            raise SchemaError(f"the items of '{'.'.join(path)}' take no bytes")
        self.code.append([k.ARRAY, table, 0, 0])
        enter = self.code[-1]
        start = self.label()
        for node in content:
            self.node(node, path, table)
        enter[2] = len(self.code)
        self.label()
        self.code.append([k.LOOP, start, 0, least])
        self.label()


def _leaves_below(node: Node) -> list[Path]:
    if isinstance(node, Record):
        return [path for path, _ in leaves(node)]
    return [()]


def smallest(node: Node) -> int:
    """Give the least number of bytes that a value of a type takes."""
    match node:
        case Record(fields=fields):
            return sum(smallest(field.type) for field in fields)
        case Union(branches):
            return 1 + min(smallest(branch) for branch in branches)
        case Fixed(size):
            return size
        case Primitive(kind):
            return _SIZE.get(kind, 1)
        case _:
            return 1
