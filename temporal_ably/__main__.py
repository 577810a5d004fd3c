"""``python -m temporal_ably`` is ``temporal-ably``."""

from __future__ import annotations

import sys

from temporal_ably.cli import main

if __name__ == "__main__":
    sys.exit(main())
