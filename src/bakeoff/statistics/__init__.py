"""How sure a number is: intervals, paired tests and sample sizes as pure functions of arrays. NumPy and SciPy alone."""
