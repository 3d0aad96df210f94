{{ config(materialized='view') }}

with sent as (
    select *
    from {{ ref('stg_submission_sent') }}
    where not is_misplaced
),

first_sent as (
    select
        dataset,
        min(period_end_on) as first_period_end_on
    from sent
    group by dataset
),

period as (
    select
        series.year_number as report_year,
        series.year_number || case when kind.cadence = 'A' then '' else '-' || kind.cadence || part.number end
            as period_code,
        kind.cadence,
        (make_date(series.year_number, 1, 1) + make_interval(months => kind.months * part.number, days => -1))::date
            as period_end_on
    from (
        select
            min(period_year) as first_year,
            greatest(max(period_year), extract(year from {{ as_of() }})::integer) as last_year
        from sent
    ) as bounds
    cross join generate_series(bounds.first_year, bounds.last_year) as series (year_number)
    cross join (values ('A', 12), ('S', 6), ('Q', 3)) as kind (cadence, months)
    cross join lateral generate_series(1, 12 / kind.months) as part (number)
),

duty as (
    select
        calendar.dataset,
        calendar.sender_rule,
        calendar.is_by_standard,
        period.report_year,
        period.period_code,
        period.period_end_on,
        period.period_end_on + calendar.opens_days as opens_on,
        period.period_end_on + calendar.due_days as due_on
    from {{ ref('reporting_calendar') }} as calendar
    inner join period
        on
            calendar.cadence = period.cadence
            and period.period_end_on between coalesce(calendar.valid_from, '-infinity')
            and coalesce(calendar.valid_to, 'infinity')
),

-- Districts until the two-level system, communes from then on.
unit as (
    select
        code,
        level,
        system,
        province_code,
        case level when 'district' then 'huyen-' else 'xa-' end || code as sender_code,
        valid_from,
        valid_until
    from {{ ref('int_place__dated_unit') }}
    where
        level = 'district'
        or (level = 'commune' and system = 'two_level')
),

own_province as (
    select distinct
        unit.province_code,
        unit.system
    from sent
    inner join unit
        on
            sent.sender_code = unit.sender_code
            and sent.period_end_on between unit.valid_from and unit.valid_until
),

-- The province of the senders seen and, from the two-level system on, the one that its communes went to.
served_province as (
    select
        province_code,
        system
    from own_province
    union
    select
        new_commune.province_code,
        new_commune.system
    from own_province
    inner join {{ ref('int_place__dated_unit') }} as old_commune
        on
            own_province.province_code = old_commune.province_code
            and own_province.system = old_commune.system
            and old_commune.level = 'commune'
    inner join {{ ref('admin_unit_successor') }} as successor
        on
            old_commune.code = successor.old_commune_code
            and (successor.how = 'whole' or successor.is_main_part)
    inner join unit as new_commune
        on
            successor.new_commune_code = new_commune.code
            and new_commune.system = 'two_level'
    where own_province.system = 'three_level'
),

unit_duty as (
    select
        duty.*,
        unit.sender_code,
        unit.code as unit_code,
        unit.level as unit_level,
        unit.province_code
    from duty
    inner join unit on duty.period_end_on between unit.valid_from and unit.valid_until
    inner join served_province
        on
            unit.province_code = served_province.province_code
            and unit.system = served_province.system
    where duty.sender_rule = 'unit'
),

-- A year may stand under two poverty standards, and a list be sent under each.
standard_of_year as (
    select distinct
        standard.code as standard_code,
        years.report_year
    from {{ ref('poverty_standard') }} as standard
    cross join lateral generate_series(standard.review_year_from, standard.review_year_to) as years (report_year)
    union
    select
        sent.standard_code,
        sent.period_year
    from sent
    where sent.standard_code <> ''
),

lead_agency as (
    select
        'policy_lead' as sender_rule,
        lead_agency as agency_code,
        null::integer as start_year,
        null::integer as end_year
    from {{ ref('support_policy') }}
    union
    select
        'project_lead',
        lead_agency,
        null,
        null
    from {{ ref('programme_project') }}
    union
    select
        'task_lead',
        task.lead_agency,
        programme.start_year,
        programme.end_year
    from {{ ref('programme_task') }} as task
    inner join {{ ref('programme') }} as programme on task.programme_code = programme.code
    where
        programme.province_code is null
        or programme.province_code in (select served_province.province_code from served_province)
    union
    select
        code as sender_rule,
        code as agency_code,
        null as start_year,
        null as end_year
    from {{ ref('agency') }}
),

owed as (
    select
        unit_duty.dataset,
        unit_duty.report_year,
        unit_duty.period_code,
        unit_duty.period_end_on,
        coalesce(standard_of_year.standard_code, '') as standard_code,
        unit_duty.sender_code,
        unit_duty.unit_code,
        unit_duty.unit_level,
        unit_duty.province_code,
        unit_duty.opens_on,
        unit_duty.due_on
    from unit_duty
    left join standard_of_year
        on
            unit_duty.report_year = standard_of_year.report_year
            and unit_duty.is_by_standard
    union all
    select distinct
        duty.dataset,
        duty.report_year,
        duty.period_code,
        duty.period_end_on,
        '',
        lower(lead_agency.agency_code),
        null,
        null,
        null,
        duty.opens_on,
        duty.due_on
    from duty
    inner join lead_agency
        on
            duty.sender_rule = lead_agency.sender_rule
            and duty.report_year between coalesce(lead_agency.start_year, 0) and coalesce(lead_agency.end_year, 9999)
)

select
    owed.*,
    coalesce(owed.period_end_on >= first_sent.first_period_end_on and owed.opens_on <= {{ as_of() }}, false)
        as is_expected
from owed
left join first_sent on owed.dataset = first_sent.dataset
