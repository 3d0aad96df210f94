with support as not materialized (
    select
        fact.period_code as quarter_code,
        fact.policy_code,
        fact.status_code,
        fact.amount_vnd,
        fact.funding_source_code,
        fact.commune_code,
        fact.district_code,
        fact.province_code,
        fact.household_code,
        fact.person_no,
        fact.support_id,
        fact.sender_code,
        fact.submission_id,
        fact.sheet_name,
        fact.row_number
    from {{ ref('fct_support') }} as fact -- slice: period_code
),

-- A quarter counts in the unit of its last day.
figure as not materialized (
    select
        'support_amount' as indicator_code,
        support.quarter_code as period_code,
        breakdown.kind_code as breakdown_kind_code,
        coalesce(breakdown.code, 'unknown_' || breakdown.kind_code) as breakdown_code,
        support.amount_vnd as numerator,
        null::numeric as denominator,
        support.commune_code,
        support.district_code,
        support.province_code,
        support.household_code,
        support.person_no,
        support.support_id,
        support.sender_code,
        support.submission_id,
        support.sheet_name,
        support.row_number
    from support
    cross join
        lateral (
            values
            ('', ''),
            ('policy', support.policy_code),
            ('funding_source', support.funding_source_code)
        ) as breakdown (kind_code, code)
    where support.status_code = 'delivered'
)

select
    {{ indicator_row(
        "'support_delivery'",
        household_code='figure.household_code',
        person_no='figure.person_no',
        record_id='figure.support_id',
    ) }}
from figure
