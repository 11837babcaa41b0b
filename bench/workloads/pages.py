"""The threads that are read: not measured itself, it fills them."""

from bench.workload import Workload

PAGES = Workload("pages", 6, threads=60)
PAGE = 50
"""Messages of a page, and of a thread."""
