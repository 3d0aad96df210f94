with line as not materialized (
    select
        fact.period_code,
        breakdown.kind_code as breakdown_kind_code,
        breakdown.code as breakdown_code,
        fact.commune_code,
        fact.district_code,
        fact.province_code,
        fact.disbursed_vnd,
        fact.planned_vnd,
        fact.sender_code,
        fact.submission_id,
        fact.sheet_name,
        fact.row_number
    from {{ ref('fct_programme_finance') }} as fact
    cross join
        lateral (
            values
            ('', ''),
            ('project', fact.project_code),
            ('funding_source', fact.funding_source_code),
            ('budget_kind', fact.budget_kind_code)
        ) as breakdown (kind_code, code)
    -- the total of other lines would count them twice
    where fact.is_total_of_parts is not true
),

-- Amounts are cumulative since 1 January: those of the year are those of its last quarter.
figure as not materialized (
    select
        'fund_disbursement_rate' as indicator_code,
        counted_in.period_code,
        line.disbursed_vnd as numerator,
        line.planned_vnd as denominator,
        line.breakdown_kind_code,
        line.breakdown_code,
        line.commune_code,
        line.district_code,
        line.province_code,
        line.sender_code,
        line.submission_id,
        line.sheet_name,
        line.row_number
    from line
    cross join
        lateral (
            values
            (line.period_code),
            (case when line.period_code like '%-Q4' then left(line.period_code, 4) end)
        ) as counted_in (period_code)
    where counted_in.period_code is not null
)

select
    {{ indicator_row("'programme_finance'") }}
from figure
