-- Bars of a company
-- One company's bars in the order of time, each with its present value.
-- :symbol text; which company
-- :interval text = 1m; which bars
-- :from day = last day; first dt to read
-- :to day = last day; last dt to read
select
    start,
    exchange_hour as hour,
    exchange_minute as minute,
    open,
    high,
    low,
    close,
    volume,
    vwap,
    ticks
from bars_final
where
    symbol = :symbol
    and "interval" = :interval
    and dt between :from and :to
order by start
