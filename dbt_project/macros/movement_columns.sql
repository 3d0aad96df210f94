{# The nine columns of the two official forms of movement, in the forms' order, by form. #}
{% macro movement_columns() -%}
    {{ return({
        'poor': [
            'start', 'to_near_poor', 'to_above', 'other_decrease', 'from_near_poor', 'relapsed', 'new',
            'other_increase', 'end',
        ],
        'near_poor': [
            'start', 'escaped', 'to_poor', 'other_decrease', 'from_poor', 'relapsed', 'new', 'other_increase', 'end',
        ],
    }) }}
{%- endmacro %}
