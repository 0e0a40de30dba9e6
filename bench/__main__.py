"""`python -m bench`: see `bench.cli`."""

import sys

if __name__ == "__main__":
    try:
        from bench.cli import main

        sys.exit(main())
    except KeyboardInterrupt:  # while modules are imported; afterwards `main` tells of it
        print("bench: interrupted", file=sys.stderr)
        sys.exit(130)
