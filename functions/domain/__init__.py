"""Pure rules: records, the job lifecycle, names of objects. No I/O; every function takes the time it needs."""
