{#-
    The incremental strategy `replace_days`: the days touched by a load since the last build are
    taken out whole and put in again, in one transaction.

    Which days those are comes from raw.coverage, not from the new rows: a day whose rows all
    vanished has no new row, and a delete by row key would leave its old ones behind.
-#}
{% macro get_incremental_replace_days_sql(arg_dict) -%}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {%- set meta = config.get('meta') -%}

    delete from {{ target }} as old
    using ({{ days_due(meta['report'], target) }}) as due
    where
        old.client_id = due.client_id
        and old.{{ meta['asset_column'] }} = due.asset_id
        and old.day = due.day;

    insert into {{ target }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict['temp_relation'] }};
{%- endmacro %}


{#-
    The days of a report that `built` has not seen. load_seq grows with every load and a build
    sees one state of the warehouse, so nothing at or below its highest load_seq is left to do.
    A day that ends up without rows may be due again the next time: that costs, but changes
    nothing.
-#}
{% macro days_due(report, built) -%}
    select
        client_id,
        asset_id,
        day
    from {{ ref('int_days__matured') }}
    where
        report = '{{ report }}'
        and load_seq > (select coalesce(max(load_seq), 0) from {{ built }})
{%- endmacro %}


{#- Keeps the rows of int_days__matured that a fact has to build: all, or those due. -#}
{% macro where_due(report) -%}
    where
        report = '{{ report }}'
    {%- if is_incremental() %}
        and load_seq > (select coalesce(max(load_seq), 0) from {{ this }})
    {%- endif %}
{%- endmacro %}


{#-
    The due days as a condition on plain columns, which DuckDB applies before it parses a payload.
    A join with the due days would parse every payload of the report first. It may let through
    more than is due (never less): the join with int_days__matured decides.
-#}
{% macro where_maybe_due(report, asset_column='ad_account_id') -%}
    {%- if execute and is_incremental() -%}
        {%- set query -%}
            with due as (
                select distinct asset_id, day from ({{ days_due(report, this) }})
            ),
            islands as (
                select
                    asset_id,
                    day,
                    day - cast(
                        row_number() over (partition by asset_id order by day) as integer
                    ) as island
                from due
            ),
            ranges as (
                select asset_id, min(day) as since, max(day) as until
                from islands
                group by asset_id, island
            ),
            conditions as (
                select
                    since,
                    until,
                    string_agg(
                        '''' || replace(asset_id, '''', '''''') || '''', ', ' order by asset_id
                    ) as assets
                from ranges
                group by since, until
            )
            select
                coalesce(
                    string_agg(
                        format(
                            '(day between date ''{}'' and date ''{}'' and {{ asset_column }} in ({}))',
                            since, until, assets
                        ),
                        ' or '
                        order by since, until
                    ),
                    'false'
                )
            from conditions
        {%- endset -%}
    where {{ run_query(query).columns[0].values()[0] }}
    {%- endif -%}
{%- endmacro %}
