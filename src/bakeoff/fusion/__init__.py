"""Late fusion: two candidates that answer as one, from their probabilities alone."""
