"""The section `prepare` that small test catalogues say they were made by."""

from bakeoff.params import PrepareParams

PREPARE = PrepareParams(store_px=100, max_megapixels=80, min_side_px=16, class_too_small="reject")
