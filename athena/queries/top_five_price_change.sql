-- Top five by price change
-- The five companies whose latest price lies furthest above the previous session's close:
-- one row a company, its latest tick, so a company that rose all day is listed once.
-- :from day = first day; first dt to read
-- :to day = last day; last dt to read
with newest as (
    select
        symbol,
        "timestamp",
        price,
        previous_close,
        price - previous_close as price_change,
        change_percent,
        row_number() over (
            partition by symbol
            order by "timestamp" desc, arrival desc, lpad(sequence, 56, '0') desc, sub_sequence desc, line desc
        ) as age
    from ticks
    where
        previous_close is not null
        and dt between :from and :to
)
select
    symbol,
    "timestamp",
    price,
    previous_close,
    price_change,
    change_percent
from newest
where age = 1
order by price_change desc, symbol
limit 5
