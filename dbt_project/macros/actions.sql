{#-
    The attribution windows that Meta may put beside an action's own `value`, when asked for.
    7d_view and 28d_view send nothing since 2026-01-12, but stay in older pulls.
-#}
{% macro attribution_windows() -%}
    1d_click 7d_click 28d_click 1d_view 7d_view 28d_view 1d_ev dda incrementality skan_click skan_view
{%- endmacro %}


{#- One entry of `actions` or `action_values`, as from_json writes a type. -#}
{% macro action_schema() -%}
    [{"action_type":"VARCHAR","value":"VARCHAR"
    {%- for window in attribution_windows().split() -%},"{{ window }}":"VARCHAR"{%- endfor -%}
    }]
{%- endmacro %}


{#- The windows of one action as a list of (attribution_window, amount) without the absent ones. -#}
{% macro windows_of(action) -%}
    list_filter(
        [
            {'attribution_window': 'default', 'amount': {{ action }}.value}
            {%- for window in attribution_windows().split() %},
            {'attribution_window': '{{ window }}', 'amount': {{ action }}."{{ window }}"}
            {%- endfor %}
        ],
        lambda w: w.amount is not null
    )
{%- endmacro %}


{#-
    The `value` of one action type in a list of actions, `absent` when the list has no such type.
    Never more than one type: Meta repeats one purchase under up to nine of them.
-#}
{% macro action_total(actions, action_type, absent) -%}
    case
        when {{ action_type }} is null then null
        when len(list_filter({{ actions }}, lambda a: a.action_type = {{ action_type }})) > 0
            then list_sum(
                list_transform(
                    list_filter({{ actions }}, lambda a: a.action_type = {{ action_type }}),
                    lambda a: cast(a.value as decimal(18, 6))
                )
            )
        else {{ absent }}
    end
{%- endmacro %}
