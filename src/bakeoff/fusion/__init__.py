"""Two candidates that answer as one, from their probabilities or from their features."""
