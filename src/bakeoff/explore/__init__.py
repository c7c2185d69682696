"""What is in a catalogue: explore.json, and reports/explore.html, which shows it."""
