"""Sync: shop -> store. What the shop has, what changed in it, what is gone; then the products somebody watches."""

from worker.sync.counts import SyncCounts
from worker.sync.stage import sync

__all__ = ["SyncCounts", "sync"]
