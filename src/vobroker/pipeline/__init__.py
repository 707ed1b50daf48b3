"""Puts a river together: source, decoding, filters, archive, publication."""
