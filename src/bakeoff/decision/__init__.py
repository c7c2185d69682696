"""Which backbone to deploy: collects every candidate's records, ranks, chooses and reports. Framework-free."""
