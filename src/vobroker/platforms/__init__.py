"""Science platforms: what a place offers to a guest and to a user, compared, planned with, and measured."""
