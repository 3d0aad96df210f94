with figure as (
    select *
    from {{ ref('int_indicator__by_place') }}
    union all
    select *
    from {{ ref('int_indicator__reporting') }}
)

select
    figure.indicator_code,
    figure.period_code,
    figure.standard_code,
    figure.admin_unit_level,
    figure.admin_unit_code,
    figure.breakdown_code,
    figure.numerator,
    figure.denominator,
    {{ indicator_value('figure.numerator', 'figure.denominator', 'indicator') }} as value,
    figure.coverage_rate,
    figure.coverage_rate = 100 and figure.is_known as is_publishable
from figure
inner join {{ ref('dim_indicator') }} as indicator on figure.indicator_code = indicator.indicator_code
