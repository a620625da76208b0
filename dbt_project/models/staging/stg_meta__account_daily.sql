{{ insight_rows('account_daily') }}
