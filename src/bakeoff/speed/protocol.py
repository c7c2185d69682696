"""The number of the way in which speed is measured."""

PROTOCOL = 4
"""Times of another protocol were measured, or called noisy, by other rules and do not compare."""
