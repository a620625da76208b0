{#-
    A staging model: the rows of one report out of raw.records, the newest version of each or, with
    `every_version`, all of them. `asset` is what the owner of the rows is called here; `keys` are
    further columns of raw.records, by `<column> as <name>` if they get another name; `fields`
    reads the payload (payload_fields, insight_fields). The columns made of `fields` are the body
    of the call. `is_kept` is for reports of which compacting drops nothing.
-#}
{% macro report_rows(
    report, fields, keys=[], asset='ad_account_id', every_version=false, is_kept=false
) -%}
with

records as (

    select * from {{ source('raw', 'records') }}

),

{% if not (every_version or is_kept) -%}
compactions as (

    select * from {{ source('raw', 'compactions') }}

),

{% endif -%}
parsed as (

    select
        client_id,
        asset_id as {{ asset }},
        {% for key in keys -%}
            {{ key }},
        {% endfor -%}
        {{ fields }} as fields
    from records
    where
        report = '{{ report }}'
        {% if not every_version -%}
            and {{ is_known() }}
            {% if not is_kept -%}
                and {{ is_remembered() }}
            {%- endif %}
        {%- endif %}

),

final as (

    select
        client_id,
        {{ asset }},
        {% for key in keys -%}
            {{ key.split(' ') | last }},
        {% endfor -%}
        {{ caller() }}
    from parsed

)

select * from final
{%- endmacro %}


{#- A daily insights report of ad accounts: `attributes` as Meta names them, then the measures. -#}
{% macro insight_rows(report, attributes=[], is_kept=false) -%}
    {%- call report_rows(report, insight_fields(attributes), ['day'], is_kept=is_kept) -%}
        {% for attribute in attributes -%}
            fields.{{ attribute }},
        {% endfor -%}
        {{ insight_columns() }}
    {%- endcall -%}
{%- endmacro %}


{#- Every version of the objects of a report, from when until when it was what Meta said. -#}
{% macro object_versions(report, fields, types={}) -%}
    {%- set columns = caller() -%}
    {%- set payload = payload_fields(fields, types) -%}
    {%- call report_rows(report, payload, ['valid_from', 'valid_to'], every_version=true) -%}
        {{ columns }}
    {%- endcall -%}
{%- endmacro %}
