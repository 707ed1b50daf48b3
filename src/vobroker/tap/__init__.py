"""The archive as a TAP service (IVOA Table Access Protocol 1.1)."""
