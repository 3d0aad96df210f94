{#
    Keys are added to a finished table, not declared with an empty one: an index is then sorted once. Foreign keys are
    those of the public tables alone (`ingestion/publish.py`): built tables change one by one.
#}
{% macro postgres__get_table_columns_and_constraints() -%}
    {%- set columns = adapter.render_raw_columns_constraints(raw_columns=model['columns']) -%}
    {%- set constraints = adapter.render_raw_model_constraints(
        raw_constraints=model['constraints'] | rejectattr('type', 'in', ['primary_key', 'foreign_key']) | list
    ) -%}
    ({{ (columns + constraints) | join(', ') }})
{%- endmacro %}
