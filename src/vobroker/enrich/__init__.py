"""What is known of the sky besides the alerts: catalogues, watchlists, regions and sky maps."""

from vobroker.enrich.errors import EnrichError
from vobroker.enrich.layer import Found, Layer, enriched
from vobroker.enrich.store import Enrichment

__all__ = ["EnrichError", "Enrichment", "Found", "Layer", "enriched"]
