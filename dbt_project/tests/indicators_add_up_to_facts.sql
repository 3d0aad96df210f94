-- What: the figure of a province is not the sum of the facts below it.
-- When: a join of an indicator family drops or multiplies rows, or a row without a commune is left out.
-- How to resolve: compare the family (int_indicator__…) with the fact for the period that the row names.
with fact as (
    select
        'credit_disbursed' as indicator_code,
        period_code,
        '' as standard_code,
        province_code,
        sum(disbursed_vnd) as total
    from {{ ref('fct_credit_loan') }}
    group by period_code, province_code
    union all
    select
        'support_amount',
        period_code,
        '',
        province_code,
        sum(amount_vnd)
    from {{ ref('fct_support') }}
    where status_code = 'delivered'
    group by period_code, province_code
    union all
    select
        'poor_household_count',
        period_code,
        standard_code,
        province_code,
        count(*) filter (where class_code = 'poor')
    from {{ ref('fct_household_review') }}
    group by period_code, standard_code, province_code
    union all
    select
        'poverty_model_count',
        left(period_code, 4),
        '',
        province_code,
        count(*) filter (where kind_code = 'poverty_model')
    from {{ ref('fct_capacity_activity') }}
    group by left(period_code, 4), province_code
)

select
    fact.*,
    figure.value
from fact
left join {{ ref('fct_indicator') }} as figure
    on
        fact.indicator_code = figure.indicator_code
        and fact.period_code = figure.period_code
        and fact.standard_code = figure.standard_code
        and figure.admin_unit_level = 'province'
        and fact.province_code = figure.admin_unit_code
        and figure.breakdown_code = ''
where
    fact.province_code is not null
    and fact.total is distinct from figure.value
