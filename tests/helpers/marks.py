"""Marks for tests that not every machine can run."""

import os

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
