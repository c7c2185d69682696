"""Applies decision trees to the size of a catalogue and to a machine: which backbones to try, and how."""
