"""`python -m bakeoff.cli`, where the console script is not on the path."""

from bakeoff.cli import main

if __name__ == "__main__":
    main()
