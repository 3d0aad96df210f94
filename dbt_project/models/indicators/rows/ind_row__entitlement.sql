with support as not materialized (
    select
        left(fact.period_code, 4) as year_code,
        fact.policy_code,
        policy.policy_group_code,
        fact.status_code,
        fact.is_last_of_year,
        fact.is_delivered_in_year,
        fact.quantity,
        fact.amount_vnd,
        fact.full_price_vnd,
        fact.year_end_commune_code,
        fact.year_end_district_code,
        fact.year_end_province_code,
        fact.household_code,
        fact.person_no,
        fact.support_id,
        fact.sender_code,
        fact.submission_id,
        fact.sheet_name,
        fact.row_number
    from {{ ref('fct_support') }} as fact
    -- slice: where left(period_code, 4) in (select period_code from touched_slice)
    inner join {{ ref('dim_policy') }} as policy on fact.policy_code = policy.policy_code
),

-- The year counts a case in the unit of 31 December.
figure as not materialized (
    -- a card without a quantity has no full price and counts on neither side
    select
        'near_poor_health_insurance_subsidy_rate' as indicator_code,
        year_code as period_code,
        '' as breakdown_kind_code,
        '' as breakdown_code,
        amount_vnd as numerator,
        quantity * full_price_vnd as denominator,
        year_end_commune_code as commune_code,
        year_end_district_code as district_code,
        year_end_province_code as province_code,
        household_code,
        person_no,
        support_id,
        sender_code,
        submission_id,
        sheet_name,
        row_number
    from support
    where
        policy_code = 'health_card_near_poor'
        and status_code = 'delivered'
        and quantity is not null
    union all
    -- A case may stand in several quarters: its standing is that of the last one, but what was once delivered stays
    -- delivered.
    select
        'entitlement_coverage',
        year_code,
        'policy_group',
        policy_group_code,
        is_delivered_in_year::integer,
        1,
        year_end_commune_code,
        year_end_district_code,
        year_end_province_code,
        household_code,
        person_no,
        support_id,
        sender_code,
        submission_id,
        sheet_name,
        row_number
    from support
    where
        is_last_of_year
        and (is_delivered_in_year or status_code <> 'refused')
)

select
    {{ indicator_row(
        "'support_delivery'",
        household_code='figure.household_code',
        person_no='figure.person_no',
        record_id='figure.support_id',
    ) }}
from figure
