"""Why a candidate decides as it does: colour channels, and heat maps of single photos."""
