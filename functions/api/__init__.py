"""HTTP endpoints: one folder per resource, one file per Cloud Function."""
