-- One row a bar: each part at its highest revision, the parts of a window put together.
-- A window has several parts where more than one shard, or life of a shard, saw it.
WITH latest AS (
    SELECT *,
        row_number() OVER (
            PARTITION BY "interval", dt, symbol, "start", part ORDER BY revision DESC
        ) AS newest
    FROM bars
),
parts AS (
    SELECT *,
        row_number() OVER (
            PARTITION BY "interval", dt, symbol, "start" ORDER BY first_at, part
        ) AS from_first,
        row_number() OVER (
            PARTITION BY "interval", dt, symbol, "start" ORDER BY last_at DESC, part DESC
        ) AS from_last
    FROM latest
    WHERE newest = 1
)
SELECT
    symbol,
    "start",
    min("end") AS "end",
    max(CASE WHEN from_first = 1 THEN "open" END) AS "open",
    max(high) AS high,
    min(low) AS low,
    max(CASE WHEN from_last = 1 THEN "close" END) AS "close",
    sum(volume) AS volume,
    CAST(sum(notional) AS double) / nullif(sum(volume), 0) AS vwap,
    sum(notional) AS notional,
    sum(ticks) AS ticks,
    min(first_at) AS first_at,
    max(last_at) AS last_at,
    min(exchange_date) AS exchange_date,
    min(exchange_hour) AS exchange_hour,
    min(exchange_minute) AS exchange_minute,
    "interval",
    dt
FROM parts
GROUP BY "interval", dt, symbol, "start"
