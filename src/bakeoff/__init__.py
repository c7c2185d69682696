"""Which image backbone should the owner of a catalogue of labelled product photos deploy; importing this loads no framework."""

__version__ = "0.1.0"
