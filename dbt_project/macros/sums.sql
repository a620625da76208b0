{#-
    A sum that is kept only when every row of the group has the figure: a gap is not a zero, and
    sum() alone would leave it out without a word.
-#}
{% macro known_sum(column, type) -%}
    cast(case when count({{ column }}) = count(*) then sum({{ column }}) end as {{ type }})
{%- endmacro %}


{#- A figure of a day: 0 when the day is confirmed empty, NULL when it is not known. -#}
{% macro known_figure(coverage, figure) -%}
    case {{ coverage }}
        when 'confirmed_empty' then coalesce({{ figure }}, 0)
        when 'pulled' then {{ figure }}
    end
{%- endmacro %}


{#- A value of a known day, as Meta gave it. Where it gave none, there is none: not even a zero. -#}
{% macro given_value(coverage, value) -%}
    case when {{ coverage }} in ('pulled', 'confirmed_empty') then {{ value }} end
{%- endmacro %}


{#- The sum of an estimate over ad accounts, when none lacks one; an empty day adds nothing. -#}
{% macro expected_sum(estimate) -%}
    cast(
        case
            when
                bool_and(is_covered)
                and count(*) filter (where coverage = 'pulled' and {{ estimate }} is null) = 0
                then sum({{ estimate }})
        end as decimal(18, 6)
    )
{%- endmacro %}


{#-
    The bound of such a sum. The band of a sum is not the sum of the bands, and nobody measured
    whether the errors of two ad accounts are independent: only where all but one are certain is
    the sum of the bounds right.
-#}
{% macro expected_bound(estimate, bound) -%}
    case
        when
            count(*) filter (where {{ estimate }}_high > {{ estimate }}_low) <= 1
            and count(*) filter (where coverage = 'pulled' and {{ estimate }} is null) = 0
            then {{ expected_sum(estimate ~ '_' ~ bound) }}
    end
{%- endmacro %}


{#-
    Link clicks of a row. Meta leaves the key out of rows without delivery, such as those of late
    conversions; where there was no click of any kind there was no click on a link.
-#}
{% macro known_link_clicks(link_clicks='link_clicks', clicks='clicks') -%}
    coalesce({{ link_clicks }}, case when {{ clicks }} = 0 then 0 end)
{%- endmacro %}


{#-
    The measures of a period, of rows that are joined to it with `has_day` (whether the row is of
    the period), all NULL unless `is_known`. A period without a row is zero when it is known:
    nothing was delivered. Values are those that Meta gave, as in Meta's own sum of the period.
-#}
{% macro period_sums(has_day, is_known, suffix='') -%}
    {%- for measure, type in [
        ('spend', 'decimal(38, 6)'), ('impressions', 'bigint'), ('clicks', 'bigint'),
        ('link_clicks', 'bigint'), ('results', 'decimal(38, 6)'),
    ] %}
    cast(
        case
            when {{ is_known }} and count(*) filter (where {{ has_day }} and {{ measure }} is null) = 0
                then coalesce(sum({{ measure }}) filter (where {{ has_day }}), 0)
        end as {{ type }}
    ) as {{ measure }}{{ suffix }},
    {%- endfor %}
    cast(
        case when {{ is_known }} then sum(result_value) filter (where {{ has_day }}) end
        as decimal(38, 6)
    ) as result_value{{ suffix }}
{%- endmacro %}


{#- The ratios of a period, from its sums. -#}
{% macro period_ratios(suffix='') -%}
    {{ ctr('clicks' ~ suffix, 'impressions' ~ suffix) }} as ctr{{ suffix }},
    {{ link_ctr('link_clicks' ~ suffix, 'impressions' ~ suffix) }} as link_ctr{{ suffix }},
    {{ cpc('spend' ~ suffix, 'clicks' ~ suffix) }} as cpc{{ suffix }},
    {{ link_cpc('spend' ~ suffix, 'link_clicks' ~ suffix) }} as link_cpc{{ suffix }},
    {{ cpm('spend' ~ suffix, 'impressions' ~ suffix) }} as cpm{{ suffix }},
    {{ cost_per_result('spend' ~ suffix, 'results' ~ suffix) }} as cost_per_result{{ suffix }},
    {{ roas('result_value' ~ suffix, 'spend' ~ suffix) }} as roas{{ suffix }}
{%- endmacro %}


{#- Fewer than so many of something say nothing in percent: 3 results after 2 are not 50 % more. -#}
{% macro least_base() -%} 10 {%- endmacro %}


{#-
    The changes of a period against the one before (`suffix`), as fractions. Counts need a base of
    ten, ratios ten in both periods of what they are counted by; amounts a base that is not zero.
-#}
{% macro period_changes(suffix) -%}
    {{ change('spend', 'spend' ~ suffix) }} as spend_change,
    {%- for count in ['impressions', 'clicks', 'link_clicks', 'results'] %}
    case
        when {{ count ~ suffix }} >= {{ least_base() }}
            then {{ change(count, count ~ suffix) }}
    end as {{ count }}_change,
    {%- endfor %}
    {{ change('result_value', 'result_value' ~ suffix) }} as result_value_change,
    {%- for ratio, base in [
        ('ctr', 'clicks'), ('link_ctr', 'link_clicks'), ('cpc', 'clicks'),
        ('link_cpc', 'link_clicks'), ('cpm', 'impressions'), ('cost_per_result', 'results'),
        ('roas', 'results'),
    ] %}
    case
        when {{ base }} >= {{ least_base() }} and {{ base ~ suffix }} >= {{ least_base() }}
            then {{ change(ratio, ratio ~ suffix) }}
    end as {{ ratio }}_change{{ "," if not loop.last }}
    {%- endfor %}
{%- endmacro %}
