"""Which networks exist, what their weights are and may be used for, and the classifier that is built on them."""
