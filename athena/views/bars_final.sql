-- One row a bar: each part at its highest revision, the parts of a window put together.
-- A window has several parts where more than one shard, or life of a shard, saw it, or a tick
-- came after the window had left the state. Parts of gap windows that overlap are one window;
-- their start may move, also into another dt, so no dt can be left out before they are joined.
-- All other intervals begin with a digit: a comparison, which engines prune objects by, unlike LIKE.
WITH latest AS (
    SELECT *,
        row_number() OVER (
            PARTITION BY "interval", dt, symbol, "start", part ORDER BY revision DESC
        ) AS newest
    FROM bars
    WHERE "interval" < 'gap'
),
latest_gaps AS (
    SELECT *,
        row_number() OVER (
            PARTITION BY "interval", symbol, part ORDER BY revision DESC
        ) AS newest
    FROM bars
    WHERE "interval" >= 'gap'
),
reaching AS (
    SELECT *,
        max("end") OVER (
            PARTITION BY "interval", symbol ORDER BY "start", part
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached
    FROM latest_gaps
    WHERE newest = 1
),
islands AS (
    SELECT *,
        sum(CASE WHEN "start" < reached THEN 0 ELSE 1 END) OVER (
            PARTITION BY "interval", symbol ORDER BY "start", part
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS island
    FROM reaching
),
windows AS (
    SELECT symbol, "start" AS begins, "end" AS ends, "open", high, low, "close", volume, notional,
        ticks, first_at, last_at, part, exchange_date, exchange_hour, exchange_minute,
        "interval", dt
    FROM latest
    WHERE newest = 1
    UNION ALL
    SELECT symbol,
        min("start") OVER (PARTITION BY "interval", symbol, island) AS begins,
        max("end") OVER (PARTITION BY "interval", symbol, island) AS ends,
        "open", high, low, "close", volume, notional,
        ticks, first_at, last_at, part, exchange_date, exchange_hour, exchange_minute,
        "interval",
        min(dt) OVER (PARTITION BY "interval", symbol, island) AS dt
    FROM islands
),
parts AS (
    SELECT *,
        row_number() OVER (
            PARTITION BY "interval", dt, symbol, begins ORDER BY first_at, part
        ) AS from_first,
        row_number() OVER (
            PARTITION BY "interval", dt, symbol, begins ORDER BY last_at DESC, part DESC
        ) AS from_last
    FROM windows
)
SELECT
    symbol,
    begins AS "start",
    min(ends) AS "end",
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
    max(CASE WHEN from_first = 1 THEN exchange_date END) AS exchange_date,
    max(CASE WHEN from_first = 1 THEN exchange_hour END) AS exchange_hour,
    max(CASE WHEN from_first = 1 THEN exchange_minute END) AS exchange_minute,
    "interval",
    dt
FROM parts
GROUP BY "interval", dt, symbol, begins
