-- Highest high per company and hour
-- The highest high of each company in each hour of the exchange's day (its local clock,
-- as stored, so daylight saving changes nothing), from its bars' present values.
-- :interval text = 1m; which bars
-- :from day = first day; first dt to read
-- :to day = last day; last dt to read
select
    symbol,
    exchange_hour as hour,
    max(high) as highest_high,
    count(*) as bars
from bars_final
where
    "interval" = :interval
    and dt between :from and :to
group by symbol, exchange_hour
order by symbol, hour
