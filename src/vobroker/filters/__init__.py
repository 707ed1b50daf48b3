"""Named ADQL queries that run on every batch of alerts."""
