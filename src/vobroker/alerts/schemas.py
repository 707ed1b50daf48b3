"""Where the schemas of packets are found.

An object container carries its schema. A Confluent message carries only a number: the schema is
then looked for in a folder, in the ``lsst-alert-packet`` distribution, and in a schema registry.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from http.client import HTTPException
from importlib import resources
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

from fastavro.repository.base import SchemaRepositoryError
from fastavro.schema import SchemaParseException, UnknownType, load_schema

from vobroker.alerts.avro.schema import Record, SchemaError, parse_schema

MAX_SCHEMA_BYTES = 4_000_000
"""Longest schema text that is read; the longest real one has some 100 kB."""

_REGISTRY_SECONDS = 10
_VERSION_IN_NAME = re.compile(r"v(\d+)_(\d+)")


class UnknownSchemaError(LookupError):
    """No schema is known for an id; the message says where it was looked for."""


@dataclass(frozen=True)
class PacketSchema:
    """Schema of a packet: its text as JSON, and the record it describes.

    Two schemas are equal when their texts are.
    """

    text: str
    root: Record = field(compare=False)
    version: str = field(compare=False)

    @cached_property
    def fingerprint(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """Full name of the record, such as ``lsst.v10_0.alert``."""
        return self.root.name


def read_schema(text: str | bytes) -> PacketSchema:
    """Read a schema from its JSON text.

    The version is the schema's own ``version`` (ZTF) or the one in its name (``lsst.v10_0.alert``).

    Raises
    ------
    SchemaError
        If the text is too long, is not JSON, or is not the schema of a record.
    """
    if len(text) > MAX_SCHEMA_BYTES:
        raise SchemaError(f"the schema is longer than {MAX_SCHEMA_BYTES} bytes")
    try:
        text = text if isinstance(text, str) else text.decode()
        document = json.loads(text)
        # Half a surrogate pair in a name or a symbol could not be written anywhere.
        json.dumps(document, ensure_ascii=False).encode()
        root = parse_schema(document)
    except RecursionError as error:
        raise SchemaError("the schema nests too deep") from error
    except ValueError as error:
        raise error if isinstance(error, SchemaError) else SchemaError(f"the schema is not JSON: {error}")  # noqa: B904
    if not isinstance(root, Record):
        raise SchemaError("the schema is not of a record")
    return PacketSchema(text, root, _version(document, root.name))


def _version(document: Any, name: str) -> str:
    if isinstance(document, dict) and isinstance(document.get("version"), str):
        return str(document["version"])[:40]
    found = _VERSION_IN_NAME.search(name)
    return f"{found[1]}.{found[2]}" if found else ""


@dataclass
class SchemaSource:
    """Finds schemas by Confluent id and remembers them, those that were not found too.

    What was not found, and a registry that is down, are asked for again after :meth:`look_again`, which
    each batch begins with; schemas found before stay known, and with a ``cache`` they outlive the process, so
    that it can start while the registry is down: the schema of an id never changes.
    """

    folders: tuple[Path, ...] = ()
    registry: str | None = None
    cache: Path | None = None
    _known: dict[int, PacketSchema] = field(default_factory=dict)
    _unknown: dict[int, str] = field(default_factory=dict)
    _silent: str = ""

    def look_again(self) -> None:
        """Forget what was not found, and that the registry did not answer."""
        self._unknown.clear()
        self._silent = ""

    @property
    def silent(self) -> str:
        """Why the registry does not answer; empty when it does, or was not asked."""
        return self._silent

    def by_id(self, schema_id: int) -> PacketSchema:
        """Give the schema for the id in a Confluent message.

        Raises
        ------
        UnknownSchemaError
            If it is in none of the places; the message names the id and the places.
        SchemaError
            If it was found and cannot be read.
        """
        if schema_id in self._unknown:
            raise UnknownSchemaError(self._unknown[schema_id])
        if schema_id not in self._known:
            try:
                self._known[schema_id] = self._find(schema_id)
            except UnknownSchemaError as error:
                self._unknown[schema_id] = str(error)
                raise
        return self._known[schema_id]

    def _find(self, schema_id: int) -> PacketSchema:
        looked: list[str] = []
        if self.registry is not None:
            try:
                if (kept := self._kept(schema_id)) is not None:
                    return kept
                if not self._silent:
                    return self._keep(schema_id, _fetch(self.registry, schema_id))
                looked.append(f"the registry ({self._silent})")
            except SchemaError:
                raise
            except (OSError, HTTPException, KeyError, TypeError, ValueError, RecursionError) as error:
                reason = " ".join(str(getattr(error, "reason", error)).split())
                looked.append(f"the registry ({reason})")
                # Whoever waited for it once need not wait again for every packet.
                if isinstance(error, OSError) and not _answered(error):
                    self._silent = reason
        major, minor = divmod(schema_id, 100)
        for folder in self.folders:
            path = next(iter(sorted(folder.rglob(f"*.v{major}_{minor}.alert.avsc"))), None)
            if path is not None:
                return _load(path)
            looked.append(_called(folder))
        places = " and ".join(looked) or "nowhere: no folder, registry or lsst-alert-packet is there"
        raise UnknownSchemaError(f"no schema with id {schema_id} (LSST {major}.{minor}); looked in {places}")

    def _file(self, schema_id: int) -> Path | None:
        if self.cache is None or self.registry is None:
            return None
        place = hashlib.sha256(self.registry.rstrip("/").encode()).hexdigest()[:12]
        return self.cache / place / f"{schema_id}.avsc"

    def _kept(self, schema_id: int) -> PacketSchema | None:
        """Give a schema that the registry gave an earlier process."""
        file = self._file(schema_id)
        try:
            return read_schema(file.read_bytes()) if file and file.exists() else None
        except (OSError, SchemaError):  # damaged: the registry is asked again
            return None

    def _keep(self, schema_id: int, text: str) -> PacketSchema:
        schema = read_schema(text)
        if file := self._file(schema_id):
            # A cache that cannot be written to only costs the next process a question.
            with suppress(OSError):
                file.parent.mkdir(parents=True, exist_ok=True)
                draft = file.with_suffix(f".{os.getpid()}")
                draft.write_text(text, encoding="utf-8")
                draft.replace(file)
        return schema


def default_schemas(
    folder: Path | None = None, registry: str | None = None, cache: Path | None = None
) -> SchemaSource:
    """Give the usual places: a registry, a folder, and the ``lsst-alert-packet`` distribution.

    Parameters
    ----------
    folder
        Holds files such as ``lsst.v10_0.alert.avsc`` with the records they name beside them.
    registry
        Address of a Confluent-compatible registry, ``http://`` or ``https://``.
    cache
        Folder that keeps what the registry gave.

    Raises
    ------
    ValueError
        If the registry's address is not one of HTTP.
    """
    if registry is not None and urlsplit(registry).scheme not in {"http", "https"}:
        raise ValueError(f"the schema registry's address must begin with http:// or https://: {registry}")
    folders = [] if folder is None else [folder]
    with suppress(PackageNotFoundError):
        folders.append(Path(str(distribution("lsst-alert-packet").locate_file("lsst/alert/packet/schema"))))
    return SchemaSource(tuple(folders), registry, cache)


@cache
def ztf_schema_text() -> str:
    """Give ZTF schema 4.02 as the header of a public packet carries it.

    ZTF publishes its schema inside its packets. ``ztf-4.02.avsc.json`` is byte for byte the
    ``avro.schema`` of alert 2982177112815010003 of 2025-03-02 (programid 1, world-public), since packets
    repeat it and a copy made elsewhere differs in its blanks.
    """
    return resources.files("vobroker.alerts.surveys").joinpath("ztf-4.02.avsc.json").read_text("utf-8")


def _called(folder: Path) -> str:
    packaged = folder.parts[-3:-1] == ("alert", "packet")
    return "the lsst-alert-packet distribution" if packaged else f"the folder {folder}"


def _load(path: Path) -> PacketSchema:
    try:
        return read_schema(json.dumps(load_schema(str(path), _write_hint=False)))
    except (OSError, UnknownType, SchemaParseException, SchemaRepositoryError) as error:
        raise SchemaError(f"schema {path.name} cannot be read: {error}") from error


def _answered(error: OSError) -> bool:
    """Whether a registry has said that it does not know, and not that it cannot say now (RFC 9110, 15.6)."""
    return isinstance(error, HTTPError) and error.code < 500 and error.code not in (408, 429)


def _fetch(registry: str, schema_id: int) -> str:
    """Ask a registry (Confluent Schema Registry API, ``GET /schemas/ids/{id}``)."""
    address = f"{registry.rstrip('/')}/schemas/ids/{schema_id}"
    with urlopen(address, timeout=_REGISTRY_SECONDS) as answer:  # noqa: S310 - scheme checked by default_schemas
        body = answer.read(MAX_SCHEMA_BYTES + 1)
    if len(body) > MAX_SCHEMA_BYTES:
        raise SchemaError(f"the registry's schema {schema_id} is longer than {MAX_SCHEMA_BYTES} bytes")
    return str(json.loads(body)["schema"])
