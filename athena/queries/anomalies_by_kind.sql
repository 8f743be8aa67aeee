-- Anomalies by severity and kind
-- How many flags there were, of how many companies, how far the furthest, and when last.
-- :from day = first day; first dt to read
-- :to day = last day; last dt to read
select
    severity,
    kind,
    count(*) as flags,
    count(distinct symbol) as companies,
    max(abs(score)) as highest_score,
    min("timestamp") as first_at,
    max("timestamp") as last_at
from anomalies
where dt between :from and :to
group by severity, kind
order by
    case severity when 'high' then 1 when 'medium' then 2 when 'low' then 3 else 4 end,
    flags desc,
    kind
