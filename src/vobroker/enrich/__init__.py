"""What is known of alerts besides: catalogues, regions, sky maps, their own history, and what models say."""

from vobroker.enrich.classifiers.classifier import Classifier
from vobroker.enrich.errors import EnrichError
from vobroker.enrich.history import History
from vobroker.enrich.layer import Found, Layer, enriched
from vobroker.enrich.store import Enrichment

__all__ = ["Classifier", "EnrichError", "Enrichment", "Found", "History", "Layer", "enriched"]
