with year_in_use as (
    select
        period_year as report_year,
        make_date(period_year, 12, 31) as ends_on
    from {{ ref('stg_submission') }}
    group by period_year
),

-- Districts until the two-level system, communes from then on: those valid on the last day of the year, and any that
-- a report names though our dates of it differ.
named_unit as (
    select distinct
        extract(year from placed_on)::integer as report_year,
        province_code,
        reporting_unit_code as unit_code,
        reporting_sender_code as sender_code
    from {{ ref('int_place__resolved') }}
    where placed_on = make_date(extract(year from placed_on)::integer, 12, 31)
),

reporting_unit as (
    select
        year_in_use.report_year,
        unit.province_code,
        unit.code as unit_code,
        case unit.level when 'district' then 'huyen-' else 'xa-' end || unit.code as sender_code
    from year_in_use
    inner join {{ ref('int_place__dated_unit') }} as unit
        on
            year_in_use.ends_on between unit.valid_from and unit.valid_until
            and (unit.level = 'district' or (unit.level = 'commune' and unit.system = 'two_level'))
    where
        exists (
            select 1
            from named_unit
            where
                named_unit.report_year = year_in_use.report_year
                and named_unit.province_code = unit.province_code
        )
    union
    select
        report_year,
        province_code,
        unit_code,
        sender_code
    from named_unit
),

unit_dataset as (
    select
        period_year as report_year,
        dataset,
        standard_code
    from {{ ref('stg_submission') }}
    where dataset in ('household_review', 'commune_profile')
    group by period_year, dataset, standard_code
),

agency_dataset as (
    select
        'support_delivery' as dataset,
        lower(lead_agency) as sender_code,
        code as policy_code,
        "group" as policy_group_code
    from {{ ref('support_policy') }}
    union all
    select
        'credit_loan',
        'nhcsxh',
        '',
        ''
),

expected as (
    select
        unit_dataset.dataset,
        unit_dataset.report_year,
        unit_dataset.report_year::text as period_code,
        unit_dataset.standard_code,
        reporting_unit.sender_code,
        reporting_unit.unit_code,
        reporting_unit.province_code,
        '' as policy_code,
        '' as policy_group_code
    from unit_dataset
    inner join reporting_unit on unit_dataset.report_year = reporting_unit.report_year
    union all
    select
        agency_dataset.dataset,
        year_in_use.report_year,
        year_in_use.report_year || '-Q' || quarter.number,
        '',
        agency_dataset.sender_code,
        null,
        null,
        agency_dataset.policy_code,
        agency_dataset.policy_group_code
    from agency_dataset
    cross join year_in_use
    cross join generate_series(1, 4) as quarter (number)
)

select
    expected.*,
    submission.submission_id is not null as is_accepted
from expected
left join {{ ref('stg_submission') }} as submission
    on
        expected.dataset = submission.dataset
        and expected.period_code = submission.period_code
        and expected.standard_code = submission.standard_code
        and expected.sender_code = submission.sender_code
