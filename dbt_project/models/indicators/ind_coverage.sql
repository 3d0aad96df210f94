{{ config(key=['indicator_code', 'period_code', 'standard_code', 'support_code', 'scope_level', 'scope_code']) }}

with scope as (
    select distinct
        indicator_code,
        period_code,
        period_year,
        standard_code,
        support_code,
        'unit' as scope_level,
        reporting_unit_code as scope_code
    from {{ ref('ind_by_commune') }}
    where reporting_unit_code is not null
    union
    select distinct
        indicator_code,
        period_code,
        period_year,
        standard_code,
        support_code,
        'province',
        province_code
    from {{ ref('ind_by_commune') }}
    where province_code is not null
),

source as (
    select
        indicator.code as indicator_code,
        trim(listed.dataset) as dataset
    from {{ ref('indicator') }} as indicator
    cross join string_to_table(indicator.source_datasets, ';') as listed (dataset)
),

-- The agencies whose reports a policy, a group of policies or a project rests on.
lead_agency as (
    select
        'support_delivery' as dataset,
        code as support_code,
        lower(lead_agency) as sender_code
    from {{ ref('support_policy') }}
    union
    select
        'support_delivery',
        "group",
        lower(lead_agency)
    from {{ ref('support_policy') }}
    union
    select
        'programme_finance',
        code,
        lower(lead_agency)
    from {{ ref('programme_project') }}
),

by_dataset as (
    select
        scope.indicator_code,
        scope.period_code,
        scope.standard_code,
        scope.support_code,
        scope.scope_level,
        scope.scope_code,
        source.dataset,
        count(distinct report.sender_code || report.period_code) as expected_count,
        count(distinct report.sender_code || report.period_code) filter (where report.is_accepted) as accepted_count
    from scope
    inner join source on scope.indicator_code = source.indicator_code
    left join {{ ref('int_report__expected') }} as report
        on
            source.dataset = report.dataset
            and scope.period_year = report.report_year
            and (scope.period_code = scope.period_year::text or scope.period_code = report.period_code)
            and report.standard_code in ('', scope.standard_code)
            and (
                report.unit_code is null
                or (scope.scope_level = 'unit' and scope.scope_code = report.unit_code)
                or (scope.scope_level = 'province' and scope.scope_code = report.province_code)
            )
            and (
                source.dataset not in ('support_delivery', 'programme_finance')
                or scope.support_code = ''
                or exists (
                    select 1
                    from lead_agency
                    where
                        source.dataset = lead_agency.dataset
                        and scope.support_code = lead_agency.support_code
                        and report.sender_code = lead_agency.sender_code
                )
            )
    group by
        scope.indicator_code,
        scope.period_code,
        scope.standard_code,
        scope.support_code,
        scope.scope_level,
        scope.scope_code,
        source.dataset
)

select
    indicator_code,
    period_code,
    standard_code,
    support_code,
    scope_level,
    scope_code,
    case
        -- what counts the expected reports themselves rests on all of them
        when bool_and(dataset = 'submission ledger') then 100::numeric
        else trim_scale(100.0 * sum(accepted_count) / nullif(sum(expected_count), 0))
    end as coverage_rate,
    -- what rests on one data set has no row without a report of it, be it of an agency that does not lead the policy
    count(*) = 1 or bool_and(accepted_count > 0) as rests_on_every_dataset
from by_dataset
group by indicator_code, period_code, standard_code, support_code, scope_level, scope_code
