"""The web pages of a broker; each page's data is JSON at the same address."""

from vobroker.web.app import create_app

__all__ = ["create_app"]
