"""ONNX models on this machine's processor: the one door to onnxruntime, with its telemetry shut.

The released onnxruntime makes up an identifier of the machine, keeps it in the user's cache folder and sends what it
runs to its maker, unless `ORT_DISABLE_TELEMETRY` stands in the environment before it is first imported.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MAX_THREADS = 8  # small models gain nothing from more


def runtime() -> ModuleType:
    """The module onnxruntime, imported with the first call."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


def threads() -> int:
    """How many threads a model may use: as many as the process may run on, at most `MAX_THREADS`."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MAX_THREADS, usable))


def session(model: Path) -> InferenceSession:
    """A model ready to run, by several threads at once if need be. It gives its memory back after each run.

    Raises:
        Exception: whatever onnxruntime throws for a file that is missing or damaged.
    """
    ort = runtime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads()
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
