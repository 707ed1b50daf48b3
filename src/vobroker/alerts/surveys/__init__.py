"""One file per survey: names and units mapped to the common columns."""
