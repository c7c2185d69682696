"""What one frozen backbone's features say of a catalogue, for the report alone."""
