from typing import Any, final

from fastphx.load.worker.meter import MeterSession

@final
class ScriptedSession(MeterSession):
    script: Any
    def use_script(self, script: Any) -> None: ...
    def send(self, topic: str, event: str, payload: Any, awaits: bool) -> int: ...
