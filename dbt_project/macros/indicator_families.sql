{# The families of indicators: each has a select of rows (`ind_row__…`) and a table of their sums (`ind_sum__…`). #}
{% macro indicator_families() -%}
    {{ return([
        'household', 'list', 'deprivation', 'member', 'commune_profile', 'credit_need', 'credit', 'support',
        'entitlement', 'finance', 'capacity', 'reporting',
    ]) }}
{%- endmacro %}

{#
    The sums of a family's rows by figure and place. Counts stand beside the sums: one part that is not known leaves the
    sum unknown, also where another family adds to the same figure.
#}
{% macro indicator_sums(rows) -%}
    select
        indicator_code,
        period_code,
        standard_code,
        breakdown_kind_code,
        breakdown_code,
        concat_ws('/', coalesce(province_code, '-'), coalesce(district_code, '-'), coalesce(commune_code, '-'))
            as place_key,
        commune_code,
        district_code,
        province_code,
        bool_and(is_final) as is_final,
        count(*) as row_count,
        count(numerator) as numerator_count,
        sum(numerator) as numerator,
        count(denominator) as denominator_count,
        sum(denominator) as denominator
    from {{ rows }}
    group by
        indicator_code,
        period_code,
        standard_code,
        breakdown_kind_code,
        breakdown_code,
        commune_code,
        district_code,
        province_code
{%- endmacro %}
