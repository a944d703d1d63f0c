"""Real counterparts for tests: what stands in for a cloud service, and the keys it trusts."""
