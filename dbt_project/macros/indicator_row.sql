{#
    The columns of a row of an indicator, from the CTE `figure`: what one row of a report adds to a figure, and which row
    that is. A null numerator, or denominator where the indicator has one, is an unknown part: the figure is unknown.
    Arguments are SQL, for what not every family has.
#}
{% macro indicator_row(
    dataset,
    standard_code="''",
    is_final='true',
    household_code='null::text',
    person_no='null::bigint',
    record_id='null::text'
) -%}
    figure.indicator_code,
    figure.period_code,
    {{ standard_code }} as standard_code,
    figure.breakdown_kind_code,
    figure.breakdown_code,
    figure.commune_code,
    figure.district_code,
    figure.province_code,
    {{ is_final }} as is_final,
    figure.numerator::numeric as numerator,
    figure.denominator::numeric as denominator,
    {{ household_code }} as household_code,
    {{ person_no }} as person_no,
    {{ record_id }} as record_id,
    {{ dataset }} as dataset,
    figure.sender_code,
    figure.submission_id,
    figure.sheet_name,
    figure.row_number
{%- endmacro %}
