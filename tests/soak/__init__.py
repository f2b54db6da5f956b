"""The soak: client, behaviour, load worker and embedded server, for hours, under churn and faults.

    python -m tests.soak --hours 1

Each part is a process of its own. Their memory, files, threads, tasks and timers are sampled, and none may
grow: the confidence interval of each slope must include 0.
"""
