"""Puts the results of several splits together: means, spread between splits and ranks. Framework-free."""
