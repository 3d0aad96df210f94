{#
    The indicators of deprivation that a household list can carry: the union over the poverty standards of the seed
    `deprivation` (a convention test keeps both alike). Raw has a column `dep_<code>` for each, null where the
    standard of the report does not count it.
#}
{% macro deprivation_codes() -%}
    {{ return([
        'employment', 'dependency', 'nutrition', 'health_insurance', 'adult_education', 'child_schooling',
        'housing_quality', 'housing_area', 'water', 'toilet', 'telecom', 'information_means', 'health_access',
    ]) }}
{%- endmacro %}

{# The codes of the indicators that the report tells of, yes or no, as an array: empty where it tells of none. #}
{% macro told_deprivations_of_row() -%}
    array_remove(
        array[
            {%- for code in deprivation_codes() %}
            case when dep_{{ code }} is not null then '{{ code }}' end{{ ',' if not loop.last }}
            {%- endfor %}
        ],
        null
    )
{%- endmacro %}

{#
    The codes of the indicators in which a household is deprived, as an array. Null where the report tells of none of
    them, neither yes nor no: unknown is not the same as not deprived.
#}
{% macro deprivations_of_row() -%}
    case
        when
            num_nonnulls(
                {%- for code in deprivation_codes() %}
                dep_{{ code }}{{ ',' if not loop.last }}
                {%- endfor %}
            ) > 0
            then array_remove(
                array[
                    {%- for code in deprivation_codes() %}
                    case when dep_{{ code }} then '{{ code }}' end{{ ',' if not loop.last }}
                    {%- endfor %}
                ],
                null
            )
    end
{%- endmacro %}
