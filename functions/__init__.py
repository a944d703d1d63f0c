"""The control plane: every HTTP endpoint and every event handler is one Cloud Function."""
