"""Other ways of running one trained network: how much faster, and what they cost in accuracy."""
