# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""Counts the spans that end in the SDK, whatever sets it up: each adds one byte to the file SPAN_COUNT_FILE.

It is imported when Python starts, and waits until opentelemetry.sdk.trace is imported.
"""

import importlib.abc
import importlib.util
import os
import sys

_MODULE = "opentelemetry.sdk.trace"


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the module as usual, and changes its TracerProvider once it is loaded."""

    def find_spec(self, name, path=None, target=None):
        if name != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            _count_spans_of(module)

        spec.loader.exec_module = exec_module
        return spec


def _count_spans_of(sdk):
    file = os.open(os.environ["SPAN_COUNT_FILE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    class Counter(sdk.SpanProcessor):
        def on_end(self, span):
            os.write(file, b".")

    original = sdk.TracerProvider.__init__

    def init(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.add_span_processor(Counter())

    sdk.TracerProvider.__init__ = init


sys.meta_path.insert(0, _Finder())
