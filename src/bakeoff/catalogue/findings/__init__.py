"""What may be wrong in a catalogue: `rules.FINDINGS`, each a function of all products that says which ones it flags."""
