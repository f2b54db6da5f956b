"""A scenario whose worker's clock leaps, or whose loop stalls, once in its run; FAULTS_ODDITY says what."""

import os

from tests.faults.clocks import ODDITIES


class Scenario:
    def on_joined(self, topic: str, response: object) -> None:
        if self.i == 0:
            self.every(0.2, self.be_odd)

    def be_odd(self) -> None:
        if name := os.environ.pop("FAULTS_ODDITY", ""):
            ODDITIES[name]()
