"""Filters: named ADQL queries that run on each batch of alerts."""

from vobroker.filters.budget import Budget, Standing
from vobroker.filters.compile import Filter, compile_filter, load_filters, starter_filters
from vobroker.filters.run import FilterRun, run
from vobroker.filters.running import Running, current
from vobroker.filters.saved import Kept, Saved, SavedError
from vobroker.filters.shipped import Example, examples, shipped_filter
from vobroker.filters.tables import filter_tables
from vobroker.filters.trial import Comparison, Nights, Trial, compare, try_on

__all__ = [
    "Budget",
    "Comparison",
    "Example",
    "Filter",
    "FilterRun",
    "Kept",
    "Nights",
    "Running",
    "Saved",
    "SavedError",
    "Standing",
    "Trial",
    "compare",
    "compile_filter",
    "current",
    "examples",
    "filter_tables",
    "load_filters",
    "run",
    "shipped_filter",
    "starter_filters",
    "try_on",
]
