with borrower as (
    select distinct
        household_code,
        period_year
    from {{ ref('int_credit__loan') }}
    where disbursed_vnd > 0
),

considered as (
    select distinct
        support.household_code,
        support.period_year
    from {{ ref('int_support__case') }} as support
    inner join {{ ref('support_policy') }} as policy on support.policy_code = policy.code
    where
        policy."group" = 'credit'
        and support.status_code in ('approved', 'delivered', 'refused')
),

in_need as (
    select
        review.period_code,
        review.standard_code,
        review.commune_code,
        count(*) as household_count,
        count(borrower.household_code) as borrower_count,
        count(coalesce(borrower.household_code, considered.household_code)) as considered_count
    from {{ ref('int_household__reviewed') }} as review
    left join borrower
        on
            review.household_code = borrower.household_code
            and review.review_year = borrower.period_year
    left join considered
        on
            review.household_code = considered.household_code
            and review.review_year = considered.period_year
    where
        review.class_code = 'poor'
        and 'credit' = any(review.need_codes)
    group by review.period_code, review.standard_code, review.commune_code
)

select
    figure.indicator_code,
    commune.period_code,
    commune.standard_code,
    commune.commune_code,
    commune.district_code,
    commune.province_code,
    commune.reporting_unit_code,
    '' as breakdown_code,
    figure.support_code,
    case when commune.is_known then coalesce(figure.numerator, 0) end::numeric as numerator,
    coalesce(in_need.household_count, 0)::numeric as denominator
from {{ ref('int_household__by_commune') }} as commune
left join in_need
    on
        commune.period_code = in_need.period_code
        and commune.standard_code = in_need.standard_code
        and commune.commune_code = in_need.commune_code
cross join lateral (
    values
    ('preferential_credit_coverage', '', in_need.borrower_count),
    ('preferential_credit_consideration_rate', 'credit', in_need.considered_count)
) as figure (indicator_code, support_code, numerator)
