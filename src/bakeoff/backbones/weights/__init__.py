"""Where pretrained weights come from, and the record of it; importing it loads no framework."""

from bakeoff.backbones.weights.record import WeightsRecord, read_record, retry_needed

__all__ = ["WeightsRecord", "read_record", "retry_needed"]
