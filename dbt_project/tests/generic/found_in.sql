{#- Every combination of these columns exists in another model (relationships over a whole key). -#}
{% test found_in(model, to, columns) %}

    select distinct {{ columns | join(', ') }}
    from {{ model }} as child
    where
        not exists (
            select 1
            from {{ to }} as parent
            where
                {% for column in columns -%}
                    {{ "and " if not loop.first }}parent.{{ column }} = child.{{ column }}
                {% endfor %}
        )

{% endtest %}
