"""`python -m bench` from the folder that holds a clone called `bench`.

Python takes the clone itself for the package then, and runs this.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.modules.pop("bench", None)
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from bench.cli import main

    sys.exit(main())
