-- Rejects by reason
-- Why records were refused, how many, how large, and when last. dt is the arrival's.
-- :from day = first day; first dt to read
-- :to day = last day; last dt to read
select
    reason,
    count(*) as rejects,
    sum(length(data)) as bytes,
    min(arrival) as first_at,
    max(arrival) as last_at
from rejects
where dt between :from and :to
group by reason
order by rejects desc, reason
