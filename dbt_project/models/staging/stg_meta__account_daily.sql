{{ insight_rows('account_daily', is_kept=true) }}
