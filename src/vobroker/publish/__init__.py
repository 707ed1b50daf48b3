"""Where what passed a filter goes: VOEvent folders."""
