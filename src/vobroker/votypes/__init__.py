"""The IVOA data types and column metadata, in tables."""
