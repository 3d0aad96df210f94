{# Condition: people of touched households, and of all households that one of these was ever in. #}
{% macro people_met(person) -%}
    {%- set were_in = 'select person_key from ' ~ person ~ ' where household_id in (' -%}
    {%- set met = 'select household_id from ' ~ person ~ ' where person_key in (' -%}
    where person_key in ({{ were_in }}{{ met }}{{ were_in }}select household_id from touched_slice))))
{%- endmacro %}

{# Condition: households of which anybody is in a touched group of namesakes. #}
{% macro households_of_namesakes(side) -%}
    {%- set are_touched = 'where namesake_group in (select group_key from touched_slice)' -%}
    where household_id in (select household_id from {{ side }} {{ are_touched }})
{%- endmacro %}
