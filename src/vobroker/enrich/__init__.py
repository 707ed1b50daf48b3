"""What is known of alerts besides: catalogues, watchlists, regions, sky maps, and their own history."""

from vobroker.enrich.errors import EnrichError
from vobroker.enrich.history import History
from vobroker.enrich.layer import Found, Layer, enriched
from vobroker.enrich.store import Enrichment

__all__ = ["EnrichError", "Enrichment", "Found", "History", "Layer", "enriched"]
