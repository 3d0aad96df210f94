with loan as not materialized (
    select
        fact.period_code,
        breakdown.kind_code as breakdown_kind_code,
        breakdown.code as breakdown_code,
        -- a code that names no place of that day has no figure of its own
        case when fact.admin_unit_key is not null then fact.commune_code end as commune_code,
        fact.district_code,
        fact.province_code,
        fact.disbursed_vnd,
        fact.outstanding_vnd,
        fact.overdue_vnd,
        fact.household_code,
        fact.loan_id,
        fact.sender_code,
        fact.submission_id,
        fact.sheet_name,
        fact.row_number
    from {{ ref('fct_credit_loan') }} as fact -- slice: period_code
    cross join lateral (
        values
        ('', ''),
        ('credit_programme', fact.credit_programme_code)
    ) as breakdown (kind_code, code)
),

figure as not materialized (
    select
        'credit_disbursed' as indicator_code,
        disbursed_vnd as numerator,
        null::numeric as denominator,
        *
    from loan
    union all
    select
        'credit_outstanding',
        outstanding_vnd,
        null,
        *
    from loan
    union all
    select
        'credit_overdue_rate',
        overdue_vnd,
        outstanding_vnd,
        *
    from loan
)

select {{ indicator_row("'credit_loan'", household_code='figure.household_code', record_id='figure.loan_id') }}
from figure
