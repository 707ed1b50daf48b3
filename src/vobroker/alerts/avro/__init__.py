"""Avro datums to Arrow columns: a schema becomes an instruction table, a compiled loop walks by it."""
