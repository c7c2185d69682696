"""What a trained candidate says of photos that are in no catalogue."""
