{#-
    Reads fields out of one payload with one from_json: twelve `->>` cost four times as much
    (measured). Every field is read as text, to be cast by the caller, because from_json itself
    turns what it cannot convert into NULL without a word.

    `types` gives another type for a field, as from_json writes it.
-#}
{% macro payload_fields(fields, types={}) -%}
    from_json(
        payload,
        '{
            {%- for field in fields -%}
                "{{ field }}":{{ types.get(field, '"VARCHAR"') }}{{ "," if not loop.last }}
            {%- endfor -%}
        }'
    )
{%- endmacro %}


{#- The fields that every insights report asks for, then `ids`, out of one payload. -#}
{% macro insight_fields(ids=[]) -%}
    {%- set scalars = [
        'account_currency', 'spend', 'impressions', 'clicks', 'inline_link_clicks', 'reach',
        'frequency', 'unique_clicks',
    ] -%}
    {{- payload_fields(
        ids + scalars + ['actions', 'action_values'],
        {'actions': action_schema(), 'action_values': action_schema()}
    ) -}}
{%- endmacro %}


{#-
    The measures of an insights row, typed. A key that Meta left out stays NULL, never 0: Meta
    sends "0" itself where it counted nothing. What is not a number fails the build.
-#}
{% macro insight_columns() -%}
    fields.account_currency,
    cast(fields.spend as decimal(18, 6)) as spend,
    cast(fields.impressions as bigint) as impressions,
    cast(fields.clicks as bigint) as clicks,
    cast(fields.inline_link_clicks as bigint) as inline_link_clicks,
    cast(fields.reach as bigint) as reach,
    cast(fields.frequency as double) as frequency,
    cast(fields.unique_clicks as bigint) as unique_clicks,
    fields.actions,
    fields.action_values
{%- endmacro %}


{#- The parts of a creative's object_story_spec that hold texts and links. -#}
{% macro story_schema() -%}
    {"link_data":{"name":"VARCHAR","message":"VARCHAR","link":"VARCHAR"},
    "video_data":{"title":"VARCHAR","message":"VARCHAR",
    "call_to_action":{"value":{"link":"VARCHAR"}}}}
{%- endmacro %}


{#- The same of its asset_feed_spec, where each is a list. -#}
{% macro asset_feed_schema() -%}
    {"titles":[{"text":"VARCHAR"}],"bodies":[{"text":"VARCHAR"}],
    "link_urls":[{"website_url":"VARCHAR"}]}
{%- endmacro %}
