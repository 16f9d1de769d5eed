"""What Locust runs in the calibration: the same request to the same endpoint. Read by Locust, in its own Python."""

import os

from locust import FastHttpUser, constant, constant_throughput, task

RATE = float(os.environ["CALIBRATION_RATE"])  # per second and user; 0: as fast as it can
BODY = os.environ["CALIBRATION_BODY"]


class Statement(FastHttpUser):
    """Sends the statement at a constant rate for each user, Locust's nearest to an open loop."""

    wait_time = constant_throughput(RATE) if RATE else constant(0)

    @task
    def statement(self) -> None:
        """One request."""
        self.client.post("/?max_execution_time=31", data=BODY, name="statement")
