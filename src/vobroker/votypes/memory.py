"""Loads and stores at any address for compiled loops: numba's own arrays only read aligned items."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _load(bits: int, result: types.Type) -> Any:
    """Make a load of ``bits`` from any address."""

    @intrinsic
    def load(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], ir.IntType(bits).as_pointer())
            return builder.load(pointer, align=1)

        return result(types.int64), generate

    return load


def _store(bits: int, value_type: types.Type, *, swap: bool = False) -> Any:
    """Make a store of ``bits`` to any address, of the value or of its bytes in the other order."""

    @intrinsic
    def store(typing_context: Any, address: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], ir.IntType(bits).as_pointer())
            written = builder.bswap(arguments[1]) if swap else arguments[1]
            builder.store(written, pointer, align=1)
            return context.get_dummy_value()

        return types.void(types.int64, value_type), generate

    return store


load8, load32, load64 = _load(8, types.uint8), _load(32, types.uint32), _load(64, types.uint64)
load16 = _load(16, types.uint16)
store8, store32, store64 = _store(8, types.uint8), _store(32, types.uint32), _store(64, types.uint64)
store16 = _store(16, types.uint16)
swapped16 = _store(16, types.uint16, swap=True)
swapped32 = _store(32, types.uint32, swap=True)
swapped64 = _store(64, types.uint64, swap=True)
