"""The methodology note."""
