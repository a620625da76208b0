{#- The metrics whose restatements are kept. -#}
{% macro restated_metrics() -%}
    spend impressions clicks link_clicks results result_value
{%- endmacro %}


{#- The last checkpoint, in days, that a pull of this age has passed; NULL while the day is open. -#}
{% macro checkpoint_days(age_hours) -%}
    case
        when {{ age_hours }} < 0 then null
        {% for checkpoint in [1, 2, 3, 7, 14, 28] -%}
            when {{ age_hours }} < {{ 24 * checkpoint }}
                then {{ [0, 1, 2, 3, 7, 14][loop.index0] }}
        {% endfor -%}
        else 28
    end
{%- endmacro %}


{#- How many final days a curve has to be measured on. -#}
{% macro final_days_needed() -%} 14 {%- endmacro %}


{#-
    The bound of an 80 % band, `side` standard errors from the estimate: 10 % of a normal
    distribution lie beyond 1.2816. Never below zero, nor below what is known, unless the curve
    says that figures shrink: in one of ten days at least (`share_high`).

    The squared error of an estimate is taken to grow with what is known, in results (`unit` is
    what one result counts: 1, or its average value), plus one: of no result yet, too, something
    may become of.
-#}
{% macro settled_bound(known, share, share_high, error_per_result, unit, side) -%}
    -- greatest() would pass over a NULL, and make a bound out of no estimate.
    case
        when
            {{ share }} > 0
            and {{ unit }} > 0
            and {{ error_per_result }} is not null
            and {{ known }} is not null
            then greatest(
                {{ ratio(known, share) }}
                {{ side }} 1.2816 * {{ unit }}
                * sqrt({{ error_per_result }} * ({{ ratio(known, unit) }} + 1)),
                case when {{ share_high }} <= 1 then cast({{ known }} as double) else 0 end
            )
    end
{%- endmacro %}


{#- Known where it is final, the estimate where the day is over and a curve was measured. -#}
{% macro expected(known, estimate) -%}
    case
        when maturity = 'final' then cast({{ known }} as double)
        when maturity <> 'open' then {{ estimate }}
    end
{%- endmacro %}


{#-
    The median of what a day's results will be: whole results added to what is known (or taken
    away, where figures shrink). The number that is still to come is a count around its mean;
    the median of a Poisson distribution lies about a third below its mean, rounded to a whole.
-#}
{% macro likely_total(known, share) -%}
    cast({{ known }} as double)
    + sign(1 - {{ share }})
    * floor(abs({{ ratio(known, share) }} - cast({{ known }} as double)) + 1.0 / 3)
{%- endmacro %}
