"""Where pretrained weights come from; the record of it is `bakeoff.records.weights`."""
