from picows import WSListener

class Outlet(WSListener):
    @property
    def vsn(self) -> int: ...
