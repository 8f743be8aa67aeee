-- Average volume by company
-- What a company trades on an average day it traded. A quote's volume is the day's
-- running total, so its day counts once, with its highest; trades and bars are
-- summed up. A company that comes as several kinds has a row for each.
-- :from day = first day; first dt to read
-- :to day = last day; last dt to read
with daily as (
    select
        symbol,
        kind,
        exchange_date,
        case when kind = 'quote' then max(volume) else sum(volume) end as traded,
        count(volume) as ticks
    from ticks
    where dt between :from and :to
    group by symbol, kind, exchange_date
)
select
    symbol,
    kind,
    avg(traded) as average_daily_volume,
    count(traded) as days,
    sum(ticks) as ticks
from daily
where traded is not null
group by symbol, kind
order by average_daily_volume desc, symbol, kind
