-- How late data lands
-- Seconds from a tick's event time to its arrival in the stream, by company: half of its
-- ticks (the median, approximate), nearly all (95 percent, approximate), the worst. Of replayed
-- files it says how old they are.
-- :from day = first day; first dt to read
-- :to day = last day; last dt to read
select
    symbol,
    count(*) as ticks,
    approx_percentile(date_diff('millisecond', "timestamp", arrival) / 1e3, 0.5) as median_seconds,
    approx_percentile(date_diff('millisecond', "timestamp", arrival) / 1e3, 0.95) as most_seconds,
    max(date_diff('millisecond', "timestamp", arrival) / 1e3) as worst_seconds
from ticks
where dt between :from and :to
group by symbol
order by worst_seconds desc, symbol
