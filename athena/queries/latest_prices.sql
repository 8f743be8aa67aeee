-- Latest price of each company
-- The latest tick by event time, with the indicators it carried.
-- :from day = first day; first dt to read
-- :to day = last day; last dt to read
with aged as (
    select
        *,
        row_number() over (
            partition by symbol
            order by "timestamp" desc, arrival desc, lpad(sequence, 56, '0') desc, sub_sequence desc, line desc
        ) as age
    from ticks
    where dt between :from and :to
)
select
    symbol,
    "timestamp",
    price,
    change_percent,
    sma_5,
    sma_20,
    ewma_volatility,
    z_score,
    flags
from aged
where age = 1
order by symbol
