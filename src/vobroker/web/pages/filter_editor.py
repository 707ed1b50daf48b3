"""The filter editor: a filter written, checked, tried on past nights, and saved."""

from fastapi import APIRouter

router = APIRouter()
