"""What a query can name: the archive's public tables, ObsCore, TAP_SCHEMA, and what the caller uploads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa

from vobroker.alerts.columns import ALERT, ARCHIVE, EVENT, FILTER_LEDGER, LEDGER, MEASUREMENT, OBJECT
from vobroker.archive import Archive
from vobroker.tap import obscore, schema
from vobroker.tap.schema import Key, Schema
from vobroker.voevent.columns import VOEVENT, VOEVENT_CITATION, VOEVENT_PARAM
from vobroker.votypes import databases
from vobroker.votypes.columns import Column, Table

ACCOUNT = Table(
    LEDGER.name,
    tuple(column for column in LEDGER if column.name not in ("source", "partition")),
    LEDGER.description,
)
"""The ledger without the names of topics and files, which are nobody's business."""

PUBLIC_ALERT = Table(
    ALERT.name,
    (
        *ALERT.columns,
        Column(
            "alert_did", "VARCHAR", "", "meta.ref.ivoid", "IVOA identifier of the alert, as DataLink takes it"
        ),
    ),
    ALERT.description,
    ALERT.position,
)
"""The alerts with an identifier in one piece."""

PUBLIC_VOEVENT = Table(
    VOEVENT.name,
    tuple(column for column in VOEVENT if column.name not in ("source", "digest", "packet")),
    VOEVENT.description,
    VOEVENT.position,
)
"""Received events without the names of brokers and topics."""

_COMMON = (
    *(PUBLIC_ALERT, OBJECT, MEASUREMENT, EVENT, PUBLIC_VOEVENT, VOEVENT_PARAM, VOEVENT_CITATION),
    *(ACCOUNT, FILTER_LEDGER),
)

INDEXED = {
    "alert": ("alert_id", "object_id", "ra", "dec", "healpix", "received"),
    "object": ("object_id", "ra", "dec", "healpix"),
    "measurement": ("object_id",),
    "event": ("sequence", "ivorn"),
    "voevent": ("number", "ivorn", "ra", "dec", "healpix"),
    "voevent_param": ("ivorn",),
    "voevent_citation": ("ivorn", "cited"),
    obscore.OBSCORE.name: ("obs_id", "s_ra", "s_dec"),
}
PRINCIPAL = {
    "alert": ("survey", "alert_id", "object_id", "mjd", "ra", "dec", "band", "mag", "mag_error"),
    "object": ("survey", "object_id", "ra", "dec", "first_mjd", "last_mjd", "n_alerts"),
    "measurement": ("survey", "object_id", "mjd", "band", "flux", "flux_error", "mag", "mag_error"),
    "event": ("sequence", "ivorn", "stream", "survey", "alert_id", "object_id", "created"),
    "voevent": ("ivorn", "role", "author", "received", "mjd", "ra", "dec", "type", "concept", "name"),
    "voevent_param": ("ivorn", "group_name", "name", "value", "number", "unit"),
    "voevent_citation": VOEVENT_CITATION.names,
    obscore.OBSCORE.name: obscore.OBSCORE.names,
} | {table.name: table.names for table in schema.TAP_SCHEMA.tables}

_ALERT_KEY = (("survey", "survey"), ("alert_id", "alert_id"))
_OBJECT_KEY = (("survey", "survey"), ("object_id", "object_id"))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The tables of a service.

    Attributes
    ----------
    schemas
        For descriptions, in order.
    keys
        Foreign keys.
    stored
        What stands for a table in the database, where that is not its name.
    lent
        Tables that the archive does not have itself, by the names in ``stored``.
    uploads
        Tables of the caller, by name.
    """

    schemas: tuple[Schema, ...]
    keys: tuple[Key, ...]
    stored: Mapping[str, str]
    lent: Mapping[str, pa.Table]
    uploads: Mapping[str, Table] = field(default_factory=dict)

    @property
    def tables(self) -> dict[str, Table]:
        """All tables, by the names that queries have."""
        own = {table.name: table for schema in self.schemas for table in schema.tables}
        return own | dict(self.uploads)

    def at(self, archive: Archive, base: str) -> Catalogue:
        """Give the catalogue with links to a service in ObsCore; ``base`` is its address, empty for none."""
        view = obscore.sql(archive.platform, archive.authority, base)
        return replace(self, stored={**self.stored, obscore.OBSCORE.name: view})

    def private(self) -> Catalogue:
        """Give the catalogue of who has the archive: with its own tables, and the ledger as it is."""
        public, *others = self.schemas
        shown = {table.name: table for table in (*ARCHIVE, *public.tables)} | {
            table.name: table for table in (LEDGER, VOEVENT)
        }
        return replace(self, schemas=(replace(public, tables=tuple(shown.values())), *others))

    def only(self, tables: Mapping[str, Table]) -> Catalogue:
        """Give the catalogue of an archive that has but some of the tables."""
        public, *others = self.schemas
        kept = tuple(table for table in public.tables if table.name in tables)
        return replace(self, schemas=(replace(public, tables=kept), *others))

    def with_uploads(self, uploads: Mapping[str, tuple[Table, pa.Table]]) -> Catalogue:
        """Give the catalogue with the tables of a caller besides, by their plain names."""
        named = {f"TAP_UPLOAD.{name}": found for name, found in uploads.items()}
        lent = {f"upload_{number}": rows for number, (_, rows) in enumerate(named.values(), 1)}
        return replace(
            self,
            stored={**self.stored, **dict(zip(named, lent, strict=True))},
            lent={**self.lent, **lent},
            uploads={name: table for name, (table, _) in named.items()},
        )


def catalogue(archive: Archive, native: Mapping[str, Table]) -> Catalogue:
    """Give what can be asked of an archive with the ``native`` tables of its surveys.

    ObsCore has no links until :meth:`Catalogue.at` gives them.
    """
    schemas = (
        Schema(
            "vobroker",
            "Alerts of survey telescopes, the objects they belong to, and what was sent out",
            (*_COMMON, *native.values()),
        ),
        Schema(
            "ivoa",
            "Data products in the columns that every archive has",
            (obscore.OBSCORE,),
            "ivo://ivoa.net/std/obscore#core-1.1",
        ),
        schema.TAP_SCHEMA,
    )
    keys = (
        Key("alert_object", "alert", "object", _OBJECT_KEY, "The object of an alert"),
        Key("measurement_object", "measurement", "object", _OBJECT_KEY, "The object of a measurement"),
        Key("event_alert", "event", "alert", _ALERT_KEY, "The alert of an event"),
        Key("param_voevent", "voevent_param", "voevent", (("ivorn",) * 2,), "The event of a value"),
        Key("citation_voevent", "voevent_citation", "voevent", (("ivorn",) * 2,), "The event that cites"),
        *schema.TAP_SCHEMA_KEYS,
        *(
            Key(f"{name}_alert", name, "alert", (("alert_id", "alert_id"),), "The common columns of an alert")
            for name in native
        ),
    )
    described = schema.content(
        schemas, keys, indexed=INDEXED, principal=PRINCIPAL, views=(obscore.OBSCORE.name, ACCOUNT.name)
    )
    lent = {name.replace(".", "_"): rows for name, rows in described.items()}
    text = databases.stored("VARCHAR", archive.platform.partition("-")[0])
    views = {
        ALERT.name: f"(SELECT *, {obscore.alert_did(archive.authority, text)} AS alert_did FROM alert)",  # noqa: S608
    }
    stored = dict(zip(described, lent, strict=True)) | views
    return Catalogue(schemas, keys, stored, lent).at(archive, "")
