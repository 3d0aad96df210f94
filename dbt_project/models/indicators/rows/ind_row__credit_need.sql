with in_need as not materialized (
    select
        review.period_code,
        review.standard_code,
        '' as breakdown_kind_code,
        '' as breakdown_code,
        review.commune_code,
        review.district_code,
        review.province_code,
        review.household_id,
        review.household_code,
        review.sender_code,
        review.submission_id,
        review.sheet_name,
        review.row_number
    from {{ ref('fct_household_review') }} as review -- slice: period_code, commune_code
    inner join {{ ref('fct_household_need') }} as need
        on
            review.household_code = need.household_code
            and review.review_year = need.review_year
            and review.standard_code = need.standard_code
    where
        review.class_code = 'poor'
        and need.need_code = 'credit'
),

borrower as not materialized (
    select distinct
        household_id,
        left(period_code, 4) as period_code
    from {{ ref('fct_credit_loan') }}
    where
        disbursed_vnd > 0
        and household_id is not null
),

considered as not materialized (
    select distinct
        support.household_id,
        left(support.period_code, 4) as period_code
    from {{ ref('fct_support') }} as support
    inner join {{ ref('dim_policy') }} as policy on support.policy_code = policy.policy_code
    where
        policy.policy_group_code = 'credit'
        and support.status_code in ('approved', 'delivered', 'refused')
),

figure as not materialized (
    select
        'preferential_credit_coverage' as indicator_code,
        (borrower.household_id is not null)::integer as numerator,
        1 as denominator,
        in_need.*
    from in_need
    left join borrower
        on
            in_need.household_id = borrower.household_id
            and in_need.period_code = borrower.period_code
    union all
    select
        'preferential_credit_consideration_rate',
        (borrower.household_id is not null or considered.household_id is not null)::integer,
        1,
        in_need.*
    from in_need
    left join borrower
        on
            in_need.household_id = borrower.household_id
            and in_need.period_code = borrower.period_code
    left join considered
        on
            in_need.household_id = considered.household_id
            and in_need.period_code = considered.period_code
)

select
    {{ indicator_row(
        "'household_review'", standard_code='figure.standard_code', household_code='figure.household_code'
    ) }}
from figure
