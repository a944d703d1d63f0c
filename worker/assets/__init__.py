"""How the media of a job come to this desk: an override used in place, else the cache, else a download."""
