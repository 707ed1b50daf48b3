"""Light curves: model, serialisations and plots."""
