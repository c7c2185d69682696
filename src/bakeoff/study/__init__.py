"""Running a whole study."""
