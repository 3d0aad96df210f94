{{ config(key=['expected_report_key']) }}

with year_in_use as (
    select distinct period_year as report_year
    from {{ ref('stg_submission') }}
),

asked as (
    select
        calendar.dataset,
        calendar.report_year,
        calendar.period_code,
        calendar.standard_code,
        calendar.sender_code,
        calendar.unit_code,
        calendar.province_code
    from {{ ref('int_report__calendar') }} as calendar
    inner join year_in_use on calendar.report_year = year_in_use.report_year
),

two_level as (
    select min(valid_from) as begins_on
    from {{ ref('int_place__dated_unit') }}
    where system = 'two_level'
),

-- Units that a report of the year names though our dates of them differ; no district after the districts ended.
named_unit as (
    select distinct
        extract(year from place.placed_on)::integer as report_year,
        place.province_code,
        place.reporting_unit_code as unit_code,
        place.reporting_sender_code as sender_code
    from {{ ref('int_place__resolved') }} as place
    cross join two_level
    where
        place.named_on = place.placed_on
        and place.placed_on = make_date(extract(year from place.placed_on)::integer, 12, 31)
        and (place.district_code is null) = (place.placed_on >= two_level.begins_on)
),

unit_dataset as (
    select distinct
        submission.period_year as report_year,
        submission.dataset,
        submission.period_code,
        submission.standard_code
    from {{ ref('stg_submission') }} as submission
    inner join {{ ref('reporting_calendar') }} as calendar
        on
            submission.dataset = calendar.dataset
            and calendar.sender_rule = 'unit'
),

expected as (
    select * from asked
    union
    select
        unit_dataset.dataset,
        unit_dataset.report_year,
        unit_dataset.period_code,
        unit_dataset.standard_code,
        named_unit.sender_code,
        named_unit.unit_code,
        named_unit.province_code
    from unit_dataset
    inner join named_unit on unit_dataset.report_year = named_unit.report_year
)

select
    concat_ws(
        ':',
        expected.sender_code, expected.dataset, expected.period_code, expected.standard_code, expected.unit_code,
        expected.province_code
    ) as expected_report_key,
    expected.*,
    submission.submission_id is not null as is_accepted
from expected
left join {{ ref('stg_submission') }} as submission
    on
        expected.dataset = submission.dataset
        and expected.period_code = submission.period_code
        and expected.standard_code = submission.standard_code
        and expected.sender_code = submission.sender_code
