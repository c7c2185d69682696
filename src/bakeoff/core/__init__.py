"""What every room stands on: errors, paths, failures, seeds, progress, params sections; imports no other room."""
