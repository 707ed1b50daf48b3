"""One file per serialisation of a light curve."""
