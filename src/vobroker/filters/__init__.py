"""Filters: named ADQL queries that run on each batch of alerts."""

from vobroker.filters.compile import Filter, compile_filter, filter_tables, load_filters, starter_filters
from vobroker.filters.run import FilterRun, run

__all__ = ["Filter", "FilterRun", "compile_filter", "filter_tables", "load_filters", "run", "starter_filters"]
