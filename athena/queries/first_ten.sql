-- First ten ticks
-- The earliest rows of the lake's days asked, all columns: what is in there at all.
-- :from day = first day; first dt to read
-- :to day = last day; last dt to read
select *
from ticks
where dt between :from and :to
order by "timestamp", symbol, shard, lpad(sequence, 56, '0'), sub_sequence, line
limit 10
