"""The interface of a trained candidate, and opening one behind it."""
