{#-
    Whether a version of a row counts: the newest one, or, after `set variable as_of = <timestamp>`
    on the connection, the one that was known at that moment. A version counts from valid_from
    (included) until valid_to (excluded).

    DuckDB puts the variable's value in when it binds a query, so a view follows it, and without
    one the plan is that of plain `valid_to is null`. A statement that was prepared before keeps
    the moment it was prepared with. dbt sets none: what it builds is always the newest.
-#}
{% macro is_known() -%}
    case
        when getvariable('as_of') is null then valid_to is null
        else
            valid_from <= cast(getvariable('as_of') as timestamptz)
            and coalesce(valid_to > cast(getvariable('as_of') as timestamptz), true)
    end
{%- endmacro %}


{#- Whether Meta had said it by then, even if it was taken back since. -#}
{% macro was_said() -%}
    (
        getvariable('as_of') is null
        or valid_from <= cast(getvariable('as_of') as timestamptz)
    )
{%- endmacro %}


{#-
    Refuses a moment of which not all is here any more: what `compact` dropped would only be
    missing, and a sum come out too small without a word. For reports of which compacting drops
    versions; `compactions` are those of raw. Without a moment set it is true and costs nothing.
-#}
{% macro is_remembered() -%}
    (
        getvariable('as_of') is null
        or not exists (
            select 1
            from compactions
            where
                horizon > cast(getvariable('as_of') as timestamptz)
                and error(format(
                    'what was known at {} is not all here: meta-pipeline compact dropped what was '
                    || 'superseded before {}. Set as_of to that moment or a later one, or run '
                    || 'meta-pipeline reload, which brings everything back from the spool.',
                    cast(getvariable('as_of') as timestamptz), horizon
                ))
        )
    )
{%- endmacro %}
