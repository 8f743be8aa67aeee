"""Where batches go. Plugin authors import the contract from here."""

from kcl_app.core.contract import Batch, Refused, Retry, Sink

__all__ = ["Batch", "Refused", "Retry", "Sink"]
