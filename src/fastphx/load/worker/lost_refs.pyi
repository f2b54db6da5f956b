from typing import final

@final
class LostRefs: ...
