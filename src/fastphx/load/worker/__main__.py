"""``python -m fastphx.load.worker``: one worker process."""

from __future__ import annotations

from fastphx.load.worker.process import main

main()
