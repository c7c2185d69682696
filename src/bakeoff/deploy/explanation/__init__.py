"""Why trained candidates classify photos that are in no catalogue as they do."""
