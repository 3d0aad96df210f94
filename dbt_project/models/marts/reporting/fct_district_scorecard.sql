-- The planner takes the units for one row, and would read the parts again for each of them: they are materialized.
with unit as (
    select distinct
        report.sender_code,
        report.admin_unit_code,
        period.year,
        period.year::text as period_code,
        make_date(period.year, 12, 31) as end_date
    from {{ ref('fct_report') }} as report
    inner join {{ ref('dim_period') }} as period on report.period_code = period.period_code
    where report.is_expected and report.admin_unit_code is not null
),

-- A year is compared with the one before under the standard that both count by: 2021 under the one of 2016-2020.
standard_of_year as (
    select distinct
        period.year,
        standard.standard_code
    from {{ ref('dim_period') }} as period
    inner join {{ ref('dim_poverty_standard') }} as standard
        on
            period.year > standard.valid_from_year
            and period.year <= standard.valid_to_year
    where period.cadence = 'A'
),

placed as (
    select
        unit.*,
        place.admin_unit_key,
        place.level as admin_unit_level,
        place.province_code,
        place.valid_from <= make_date(unit.year - 1, 12, 31) as was_there_before,
        standard_of_year.standard_code
    from unit
    inner join {{ ref('dim_admin_unit') }} as place
        on
            unit.admin_unit_code = place.code
            and unit.end_date between place.valid_from and coalesce(place.valid_to, 'infinity')
            and unit.sender_code = case place.level when 'district' then 'huyen-' else 'xa-' end || place.code
    left join standard_of_year on unit.year = standard_of_year.year
),

poor_rate as (
    select
        period_code,
        standard_code,
        admin_unit_level,
        admin_unit_code,
        value
    from {{ ref('fct_indicator') }}
    where
        indicator_code = 'poor_household_rate'
        and breakdown_kind_code = ''
        and admin_unit_level <> 'province'
        and is_publishable
),

-- Communes of the two-level system are compared with what they were made of, as far as that is no estimate.
poor_rate_before as materialized (
    select *
    from poor_rate
    where admin_unit_level = 'district'
    union all
    select
        period_code,
        standard_code,
        admin_unit_level,
        admin_unit_code,
        value
    from {{ ref('fct_indicator_new_unit') }}
    where
        indicator_code = 'poor_household_rate'
        and breakdown_code = ''
        and admin_unit_level = 'commune'
        and is_publishable
        and not is_estimate
),

discipline as materialized (
    select
        period_code,
        admin_unit_level,
        admin_unit_code,
        max(denominator) as expected_count,
        max(numerator) filter (where indicator_code = 'reporting_completeness') as accepted_count,
        max(numerator) filter (where indicator_code = 'reporting_timeliness') as on_time_count,
        max(value) filter (where indicator_code = 'reporting_completeness') as completeness_rate,
        max(value) filter (where indicator_code = 'reporting_timeliness') as timeliness_rate
    from {{ ref('fct_indicator') }}
    where
        indicator_code in ('reporting_completeness', 'reporting_timeliness')
        and breakdown_kind_code = ''
        and admin_unit_level <> 'province'
        and is_publishable
    group by period_code, admin_unit_level, admin_unit_code
),

-- Every case counts in one group of policies.
entitlement as materialized (
    select
        period_code,
        admin_unit_level,
        admin_unit_code,
        sum(numerator) as served_count,
        sum(denominator) as entitled_count
    from {{ ref('fct_indicator') }}
    where
        indicator_code = 'entitlement_coverage'
        and breakdown_kind_code = 'policy_group'
        and admin_unit_level <> 'province'
    group by period_code, admin_unit_level, admin_unit_code
    having bool_and(is_publishable)
),

sent as materialized (
    select
        sender_code,
        left(period_code, 4) as period_code,
        sum(greatest(revision_count - 1, 0)) as resent_count
    from {{ ref('fct_report') }}
    where is_expected
    group by sender_code, left(period_code, 4)
),

part as (
    select
        placed.*,
        before.value as previous_poor_household_rate,
        now.value as poor_household_rate,
        before.value - now.value as poor_rate_reduction,
        entitlement.served_count,
        entitlement.entitled_count,
        trim_scale(100 * entitlement.served_count / nullif(entitlement.entitled_count, 0)) as entitlement_coverage_rate,
        discipline.expected_count as expected_report_count,
        discipline.accepted_count as accepted_report_count,
        discipline.on_time_count as on_time_report_count,
        discipline.completeness_rate,
        discipline.timeliness_rate,
        sent.resent_count
    from placed
    left join poor_rate as now
        on
            placed.period_code = now.period_code
            and placed.admin_unit_level = now.admin_unit_level
            and placed.admin_unit_code = now.admin_unit_code
            and placed.standard_code = now.standard_code
    left join poor_rate_before as before
        on
            (placed.admin_unit_level = 'commune' or placed.was_there_before)
            and (placed.year - 1)::text = before.period_code
            and placed.admin_unit_level = before.admin_unit_level
            and placed.admin_unit_code = before.admin_unit_code
            and placed.standard_code = before.standard_code
    left join entitlement
        on
            placed.period_code = entitlement.period_code
            and placed.admin_unit_level = entitlement.admin_unit_level
            and placed.admin_unit_code = entitlement.admin_unit_code
    left join discipline
        on
            placed.period_code = discipline.period_code
            and placed.admin_unit_level = discipline.admin_unit_level
            and placed.admin_unit_code = discipline.admin_unit_code
    left join sent
        on
            placed.sender_code = sent.sender_code
            and placed.period_code = sent.period_code
),

-- Equal figures share the better rank; who lacks the figure has none and takes none from the others.
ranked as (
    select
        *,
        case
            when poor_rate_reduction is not null
                then rank() over (
                    partition by year, province_code, admin_unit_level
                    order by poor_rate_reduction desc nulls last
                )
        end as reduction_rank,
        case
            when entitlement_coverage_rate is not null
                then rank() over (
                    partition by year, province_code, admin_unit_level
                    order by entitlement_coverage_rate desc nulls last
                )
        end as coverage_rank,
        case
            when completeness_rate is not null
                then rank() over (
                    partition by year, province_code, admin_unit_level
                    order by completeness_rate desc nulls last, timeliness_rate desc, resent_count asc
                )
        end as discipline_rank
    from part
),

summed as (
    select
        *,
        reduction_rank + coverage_rank + discipline_rank as rank_sum
    from ranked
)

select
    sender_code,
    period_code,
    year,
    admin_unit_key,
    admin_unit_code,
    admin_unit_level,
    province_code,
    standard_code,
    previous_poor_household_rate,
    poor_household_rate,
    poor_rate_reduction,
    reduction_rank,
    entitled_count::bigint as entitled_count,
    served_count::bigint as served_count,
    entitlement_coverage_rate,
    coverage_rank,
    expected_report_count::bigint as expected_report_count,
    accepted_report_count::bigint as accepted_report_count,
    on_time_report_count::bigint as on_time_report_count,
    completeness_rate,
    timeliness_rate,
    resent_count,
    discipline_rank,
    rank_sum,
    case
        when rank_sum is not null
            then rank() over (partition by year, province_code, admin_unit_level order by rank_sum asc nulls last)
    end as total_rank,
    count(rank_sum) over (partition by year, province_code, admin_unit_level) as ranked_unit_count,
    count(*) over (partition by year, province_code, admin_unit_level) as unit_count
from summed
