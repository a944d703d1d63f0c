"""``python -m worker.cli``: the ``deskrun`` command where it is not installed as a script."""

from worker.cli import main

if __name__ == "__main__":
    main()
