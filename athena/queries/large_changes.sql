-- Large changes
-- Ticks that lie more than so many percent from the previous session's close, the
-- furthest first.
-- :percent double = 5; how many percent
-- :limit integer = 1000; at most so many rows
-- :from day = first day; first dt to read
-- :to day = last day; last dt to read
select
    symbol,
    "timestamp",
    price,
    previous_close,
    change_percent,
    severity
from ticks
where
    abs(change_percent) > :percent
    and dt between :from and :to
order by abs(change_percent) desc, symbol, "timestamp", lpad(sequence, 56, '0'), sub_sequence, line
limit :limit
