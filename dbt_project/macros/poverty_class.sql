{#
    The class that a poverty standard gives a household, from its income per person and month and its deprivations.
    `line` is an alias of a row of the seed `poverty_standard`, which tells the three kinds of rule apart:
    no least number of deprivations: income alone decides (2011-2015);
    two income lines: poor below the lower one, or between both with enough deprivations (2016-2020);
    one income line: below it, poor with enough deprivations, near-poor with fewer (2021-2025 and after).
    Incomes at a line count as below it.
    `deprivation_count` counts those of the standard's list that the household has, `told_count` those that the report
    tells of, yes or no. What is not told may be either: the class is null where it would decide.
#}
{% macro poverty_class(income, deprivation_count, told_count, line) -%}
    case
        when {{ line }}.poor_income_vnd is null or {{ income }} is null then null
        when {{ income }} > {{ line }}.near_poor_income_vnd then 'not_poor'
        when {{ line }}.min_deprivations is null
            then case when {{ income }} <= {{ line }}.poor_income_vnd then 'poor' else 'near_poor' end
        when {{ deprivation_count }} >= {{ line }}.min_deprivations then 'poor'
        when {{ income }} <= {{ line }}.poor_income_vnd and {{ line }}.poor_income_vnd < {{ line }}.near_poor_income_vnd
            then 'poor'
        when {{ deprivation_count }} + {{ line }}.listed_deprivations - {{ told_count }} < {{ line }}.min_deprivations
            then 'near_poor'
    end
{%- endmacro %}
