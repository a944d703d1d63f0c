"""The wire contract between the control plane and the desktop worker: pydantic models, and nothing else."""
