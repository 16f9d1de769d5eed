"""Becomes the browser, with the two ends of its pipes where it looks for them: 3 to read from, 4 to write to.

``python handover.py READ WRITE COMMAND...``, with the numbers of the inherited descriptors.
"""

from __future__ import annotations

import os
import sys


def main(arguments: list[str]) -> None:
    """Never returns."""
    # Copies first: one of the two may stand where the other is to go.
    ends = [os.dup(int(number)) for number in arguments[:2]]
    for place, end in zip((3, 4), ends, strict=True):
        os.dup2(end, place)
        os.set_inheritable(place, True)  # where the copy was made there already, it is not
    command = arguments[2:]
    os.execv(command[0], command)  # noqa: S606 - that is the point


if __name__ == "__main__":
    main(sys.argv[1:])
