"""What every trainer shares, whatever its framework: the key, the history, when a run has learned."""
