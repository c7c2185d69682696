"""Why a candidate decides as it does: parts of photos, corruptions, and heat maps of single photos."""
