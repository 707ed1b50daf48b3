"""One file per engine: how a checked ADQL tree is written in its SQL."""
