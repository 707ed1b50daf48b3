"""An archive on PostgreSQL, which many processes on many machines may read and write at once."""
