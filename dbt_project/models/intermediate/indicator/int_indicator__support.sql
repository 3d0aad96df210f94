with delivered as (
    select *
    from {{ ref('int_support__case') }}
    where status_code = 'delivered'
),

-- A case may stand in several quarters: its place and standing are those of the last one, but what was once
-- delivered stays delivered.
case_of_year as (
    select distinct on (support.sender_code, support.support_id, support.period_year)
        support.period_year,
        support.commune_code,
        support.district_code,
        support.reported_province_code,
        support.reporting_unit_code,
        policy."group" as policy_group_code,
        support.status_code as last_status_code,
        bool_or(support.status_code = 'delivered') over (
            partition by support.sender_code, support.support_id, support.period_year
        ) as is_delivered
    from {{ ref('int_support__case') }} as support
    inner join {{ ref('support_policy') }} as policy on support.policy_code = policy.code
    order by support.sender_code asc, support.support_id asc, support.period_year asc, support.period_end_on desc
),

figure as (
    select
        'support_amount' as indicator_code,
        period_code,
        commune_code,
        district_code,
        reported_province_code as province_code,
        reporting_unit_code,
        coalesce(policy_code, '') as breakdown_code,
        coalesce(policy_code, '') as support_code,
        sum(amount_vnd) as numerator,
        null::numeric as denominator
    from delivered
    group by
        period_code,
        commune_code,
        district_code,
        reported_province_code,
        reporting_unit_code,
        grouping sets ((policy_code), ())
    union all
    select
        'near_poor_health_insurance_subsidy_rate',
        period_year::text,
        commune_code,
        district_code,
        reported_province_code,
        reporting_unit_code,
        '',
        policy_code,
        sum(amount_vnd),
        sum(quantity * full_price_vnd)
    from delivered
    where
        policy_code = 'health_card_near_poor'
        and quantity is not null
    group by period_year, commune_code, district_code, reported_province_code, reporting_unit_code, policy_code
    union all
    select
        'entitlement_coverage',
        period_year::text,
        commune_code,
        district_code,
        reported_province_code,
        reporting_unit_code,
        policy_group_code as breakdown_code,
        policy_group_code as support_code,
        count(*) filter (where is_delivered),
        count(*)
    from case_of_year
    where
        is_delivered
        or last_status_code <> 'refused'
    group by period_year, commune_code, district_code, reported_province_code, reporting_unit_code, policy_group_code
)

select
    indicator_code,
    period_code,
    '' as standard_code,
    commune_code,
    district_code,
    province_code,
    reporting_unit_code,
    breakdown_code,
    support_code,
    numerator,
    denominator
from figure
