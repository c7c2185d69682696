"""How small test catalogues say they were packed."""

from bakeoff.records.catalogue import PackParams

PREPARE = PackParams(store_px=100, max_megapixels=80, min_side_px=16)
