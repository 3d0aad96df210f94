{#
    The year whose register tells where a household stood on the last day of `report` (a row with period_end_on and
    period_year): the report's own or, before the two-level system began in the course of it, the one before, since the
    register of that year names the new communes. `two_level` is a row with begins_on.
#}
{% macro register_year(report, two_level) -%}
    {{ report }}.period_year - (
                {{ report }}.period_end_on < {{ two_level }}.begins_on
                and {{ report }}.period_year = extract(year from {{ two_level }}.begins_on)
            )::integer
{%- endmacro %}
