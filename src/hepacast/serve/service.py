# SPDX-License-Identifier: Apache-2.0
"""Everything behind the routes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hepacast.serve.unpack import Limits

if TYPE_CHECKING:
    from hepacast.serve.audit import Audit
    from hepacast.serve.jobs import Jobs
    from hepacast.serve.runner import Runner
    from hepacast.serve.tokens import Token
    from hepacast.serve.worker import Predicts


@dataclass(frozen=True, slots=True)
class Service:
    """Everything behind the routes.

    Parameters
    ----------
    jobs : Jobs
    worker : Predicts
    audit : Audit
    runner : Runner
    tokens : tuple of Token
        Empty: everybody who reaches the port may do everything; loopback only.
    limits : Limits
    """

    jobs: Jobs
    worker: Predicts
    audit: Audit
    runner: Runner
    tokens: tuple[Token, ...] = ()
    limits: Limits = field(default_factory=Limits)
    uploading: threading.BoundedSemaphore = field(init=False)
    queueing: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        places = threading.BoundedSemaphore(self.limits.at_once)
        object.__setattr__(self, "uploading", places)
