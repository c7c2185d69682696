"""The kinds of data set, by the name that `dataset.kind` gives."""

from bakeoff.catalogue.sources.base import RawProduct, Source, SourceUnavailableError, list_files
from bakeoff.catalogue.sources.cars import CarsSource
from bakeoff.catalogue.sources.folder import FolderSource
from bakeoff.catalogue.sources.food101 import Food101Source
from bakeoff.catalogue.sources.huggingface import HuggingFaceSource
from bakeoff.catalogue.sources.rakuten import RakutenSource
from bakeoff.catalogue.sources.stamps import StampsSource
from bakeoff.catalogue.sources.synthetic import SyntheticSource
from bakeoff.catalogue.sources.table import TableSource
from bakeoff.catalogue.sources.webdataset import WebdatasetSource

SOURCES: dict[str, Source] = {
    "stamps": StampsSource(),
    "table": TableSource(),
    "flipkart": TableSource(default="flipkart_com-ecommerce_sample_1050.csv"),
    "huggingface": HuggingFaceSource(),
    "folder": FolderSource(),
    "synthetic": SyntheticSource(),
    "rakuten": RakutenSource(),
    "food101": Food101Source(),
    "cars": CarsSource(),
    "webdataset": WebdatasetSource(),
}

__all__ = ["SOURCES", "RawProduct", "Source", "SourceUnavailableError", "list_files"]
