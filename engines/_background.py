"""One statement on a thread of its own."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable

from engines.base import Answer, EngineError, ErrorClass, RunningQuery, Session


class BackgroundQuery(RunningQuery):
    """Runs ``call``, which gives an answer or an ``EngineError``, then closes ``session``, and keeps the outcome."""

    def __init__(self, session: Session, call: Callable[[], Answer]) -> None:
        self._session = session
        self._call = call
        self._answer: Answer | None = None
        self._error: EngineError | None = None
        context = contextvars.Context()  # an empty one: the caller's own deadline is not the statement's
        self._thread = threading.Thread(target=context.run, args=(self._run,), name="statement", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._session:
                self._answer = self._call()
        except EngineError as error:
            self._error = error

    @property
    def ended(self) -> bool:
        """See ``RunningQuery.ended``."""
        return not self._thread.is_alive()

    def wait(self, timeout: float) -> Answer:
        """See ``RunningQuery.wait``."""
        self._thread.join(timeout)
        if self._error is not None:
            raise self._error
        if self._answer is not None:
            return self._answer
        if not self.ended:
            raise EngineError(
                f"the statement is still running after {timeout:g} s",
                error_class=ErrorClass.TIMEOUT,
                name="StillRunning",
            )
        raise RuntimeError("the statement's thread ended without an outcome")  # it has reported why
