"""Which backbone to deploy: collects every candidate's records, ranks and chooses. Framework-free."""
