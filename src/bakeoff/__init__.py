"""Which image backbone should the owner of a catalogue deploy? Importing this package loads no framework."""

__version__ = "0.1.0"
