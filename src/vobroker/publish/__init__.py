"""Publication: what passed a filter becomes packets for others."""
