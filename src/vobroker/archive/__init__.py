"""The archive: tables, packets, ledger and dead letters."""
