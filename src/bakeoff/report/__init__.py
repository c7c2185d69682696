"""Telling it: the page, the model card, the methodology note, the console summary, the figures."""
