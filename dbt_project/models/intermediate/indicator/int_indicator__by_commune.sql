{% set families = [
    'poverty', 'deprivation', 'member', 'commune_profile', 'credit_need', 'credit', 'support', 'finance', 'capacity',
] -%}

with figure as (
    {%- for family in families %}
        select * from {{ ref('int_indicator__' ~ family) }}
        {{- '\n    union all' if not loop.last }}
    {%- endfor %}
)

select
    figure.indicator_code,
    figure.period_code,
    left(figure.period_code, 4)::integer as period_year,
    figure.standard_code,
    figure.commune_code,
    figure.district_code,
    figure.province_code,
    figure.reporting_unit_code,
    figure.breakdown_code,
    figure.support_code,
    -- a figure that lacks what it is measured against is not known
    case when indicator.denominator is null or figure.denominator is not null then figure.numerator end as numerator,
    case when indicator.denominator is not null and figure.numerator is not null then figure.denominator end
        as denominator
from figure
inner join {{ ref('indicator') }} as indicator on figure.indicator_code = indicator.code
