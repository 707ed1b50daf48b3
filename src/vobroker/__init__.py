"""Alert broker for the Virtual Observatory."""
