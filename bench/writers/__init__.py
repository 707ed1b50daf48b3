"""How others write the same rows, for ``bench.tap``."""
