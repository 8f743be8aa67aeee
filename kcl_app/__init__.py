"""The Kinesis Client Library application: one record processor a shard."""
