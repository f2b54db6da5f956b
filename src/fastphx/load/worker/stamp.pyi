from typing import final

@final
class Stamp:
    def __init__(self, payload: bytes, key: str) -> None: ...
