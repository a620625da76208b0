{#- The time zone in which Meta cuts the days of every Page (Page Insights guide). -#}
{% macro page_time_zone() -%} 'America/Los_Angeles' {%- endmacro %}


{#-
    The time zone assumed for an ad account whose own is not known: UTC-12, where a day ends
    last on Earth, so that maturity is never overstated.
-#}
{% macro unknown_time_zone() -%} 'Etc/GMT+12' {%- endmacro %}


{#- The instant at which a day of that time zone is over; right on days of 23 and 25 hours. -#}
{% macro day_end(day, time_zone) -%}
    timezone({{ time_zone }}, cast({{ day }} + 1 as timestamp))
{%- endmacro %}


{#-
    How settled the figures of a day are, by the age of their newest pull (pull time minus the
    end of the day), not by today's date: a final day that nobody asked for again is not final.
-#}
{% macro maturity(pulled_at, day_ends_at) -%}
    case
        when {{ pulled_at }} is null then null
        when {{ pulled_at }} < {{ day_ends_at }} then 'open'
        when {{ pulled_at }} < {{ day_ends_at }} + interval 24 hour then 'provisional'
        when {{ pulled_at }} < {{ day_ends_at }} + interval 72 hour then 'settling'
        when {{ pulled_at }} < {{ settles_at(day_ends_at) }} then 'attributing'
        else 'final'
    end
{%- endmacro %}


{#- From this instant on a pull is final: 28 days of 24 hours after the end of the day. -#}
{% macro settles_at(day_ends_at) -%}
    {{ day_ends_at }} + interval 672 hour
{%- endmacro %}


{#- How far a maturity is from final; the highest is the worst. -#}
{% macro maturity_rank(maturity) -%}
    case {{ maturity }}
        when 'final' then 0
        when 'attributing' then 1
        when 'settling' then 2
        when 'provisional' then 3
        when 'open' then 4
    end
{%- endmacro %}


{#- How far what is known of a day falls short; the highest is the worst. -#}
{% macro coverage_rank(status) -%}
    case {{ status }}
        when 'pulled' then 0
        when 'confirmed_empty' then 1
        -- Known, and nothing that one could still mend.
        when 'beyond_retention' then 2
        when 'unconfirmed_empty' then 3
        when 'failed' then 4
        else 5
    end
{%- endmacro %}


{#- Age of a pull: hours between the end of the day and the pull; negative while the day is open. -#}
{% macro age_hours(pulled_at, day_ends_at) -%}
    cast(
        date_diff('microsecond', {{ day_ends_at }}, {{ pulled_at }}) as double
    ) / 3600000000.0
{%- endmacro %}


{#- The reports of ad accounts that are asked for by day. -#}
{% macro daily_ads_reports() -%}
    (
        'account_daily', 'campaign_daily', 'adset_daily', 'ad_daily', 'platform_daily',
        'age_gender_daily', 'country_daily', 'account_28d'
    )
{%- endmacro %}
