{#
    Foreign keys are added to a finished table, not declared with an empty one: a million rows are then checked by one
    join instead of one by one (a minute less for a table with five keys).
#}
{% macro postgres__get_table_columns_and_constraints() -%}
    {%- set columns = adapter.render_raw_columns_constraints(raw_columns=model['columns']) -%}
    {%- set constraints = adapter.render_raw_model_constraints(
        raw_constraints=model['constraints'] | rejectattr('type', 'equalto', 'foreign_key') | list
    ) -%}
    ({{ (columns + constraints) | join(', ') }})
{%- endmacro %}

{# Post-hook: adds the foreign keys of the model's contract. #}
{% macro add_foreign_keys() -%}
    {%- for constraint in adapter.render_raw_model_constraints(
        raw_constraints=model['constraints'] | selectattr('type', 'equalto', 'foreign_key') | list
    ) %}
    alter table {{ this }} add {{ constraint }};
    {%- endfor %}
{%- endmacro %}
