with half_year as (
    select *
    from {{ ref('dim_period') }}
    where cadence = 'S'
),

report as (
    select
        report.*,
        half_year.period_code as half_year_code,
        half_year.year,
        period.cadence
    from {{ ref('fct_report') }} as report
    inner join {{ ref('dim_period') }} as period on report.period_code = period.period_code
    -- a report counts in the half year in which its period ends
    inner join half_year on period.end_date between half_year.start_date and half_year.end_date
    where report.is_expected
),

served_province as (
    select distinct sender.province_code
    from report
    inner join {{ ref('dim_sender') }} as sender on report.sender_code = sender.sender_code
    where sender.province_code is not null
),

-- Every task of which progress is owed, by the agency in charge, or was reported, by whomever.
task as (
    select
        report.sender_code,
        dim_task.programme_code,
        report.period_code,
        dim_task.task_code
    from report
    inner join {{ ref('dim_task') }} as dim_task on report.sender_code = dim_task.lead_sender_code
    inner join {{ ref('dim_programme') }} as programme
        on
            dim_task.programme_code = programme.programme_code
            and report.year between programme.valid_from_year and programme.valid_to_year
            and (
                programme.province_code is null
                or programme.province_code in (select served_province.province_code from served_province)
            )
    where report.dataset = 'task_progress'
    union
    select
        sender_code,
        programme_code,
        period_code,
        task_code
    from {{ ref('fct_task_progress') }}
),

task_counted as (
    select
        task.sender_code,
        task.programme_code,
        task.period_code,
        count(*) as task_count,
        count(progress.task_code) as reported_task_count,
        count(*) filter (where progress.status_code = 'not_started') as not_started_count,
        count(*) filter (where progress.status_code = 'in_progress') as in_progress_count,
        count(*) filter (where progress.status_code = 'finished') as finished_count,
        count(*) filter (where progress.status_code = 'delayed') as delayed_count,
        count(*) filter (where progress.status_code <> 'finished' and progress.due_on <= half_year.end_date)
            as overdue_count,
        avg(progress.completion_rate) as completion_rate
    from task
    inner join half_year on task.period_code = half_year.period_code
    left join {{ ref('fct_task_progress') }} as progress
        on
            task.task_code = progress.task_code
            and task.period_code = progress.period_code
            and task.sender_code = progress.sender_code
    group by task.sender_code, task.programme_code, task.period_code
),

report_counted as (
    select
        sender_code,
        half_year_code as period_code,
        count(*) as expected_report_count,
        count(*) filter (where accepted_at is not null) as accepted_report_count,
        count(*) filter (where accepted_at is not null and is_on_time) as on_time_report_count
    from report
    group by sender_code, half_year_code
),

-- A half-yearly duty is over the reports of the half year, a yearly one, told at its end, over those of the year. What
-- is due once or by the province has no data set that would tell.
duty as (
    select
        task_counted.sender_code,
        task_counted.programme_code,
        task_counted.period_code,
        dim_reporting_duty.duty_code,
        count(report.sender_code) as expected_count,
        count(report.accepted_at) as accepted_count,
        count(*) filter (where report.accepted_at is not null and report.is_on_time) as on_time_count
    from task_counted
    inner join half_year on task_counted.period_code = half_year.period_code
    inner join {{ ref('dim_programme') }} as programme
        on
            task_counted.programme_code = programme.programme_code
            and half_year.year between programme.valid_from_year and programme.valid_to_year
    inner join {{ ref('dim_reporting_duty') }} as dim_reporting_duty
        on
            task_counted.programme_code = dim_reporting_duty.programme_code
            and dim_reporting_duty.reporter_kind_code in ('agency', 'agency_and_district')
            and coalesce(dim_reporting_duty.reporter_sender_code, task_counted.sender_code) = task_counted.sender_code
            and (
                dim_reporting_duty.cadence_code = 'S'
                or (dim_reporting_duty.cadence_code = 'A' and extract(month from half_year.end_date) = 12)
            )
    left join report
        on
            task_counted.sender_code = report.sender_code
            and half_year.year = report.year
            and (dim_reporting_duty.cadence_code = 'A' or half_year.period_code = report.half_year_code)
    group by
        task_counted.sender_code,
        task_counted.programme_code,
        task_counted.period_code,
        dim_reporting_duty.duty_code
),

duty_counted as (
    select
        sender_code,
        programme_code,
        period_code,
        count(*) filter (where expected_count > 0) as duty_count,
        count(*) filter (where expected_count > 0 and accepted_count = expected_count) as duty_met_count,
        count(*) filter (where expected_count > 0 and on_time_count = expected_count) as duty_on_time_count
    from duty
    group by sender_code, programme_code, period_code
)

select
    task_counted.sender_code,
    task_counted.programme_code,
    task_counted.period_code,
    task_counted.task_count,
    task_counted.reported_task_count,
    task_counted.reported_task_count = task_counted.task_count as is_complete,
    case when task_counted.reported_task_count > 0 then task_counted.not_started_count end as not_started_count,
    case when task_counted.reported_task_count > 0 then task_counted.in_progress_count end as in_progress_count,
    case when task_counted.reported_task_count > 0 then task_counted.finished_count end as finished_count,
    case when task_counted.reported_task_count > 0 then task_counted.delayed_count end as delayed_count,
    case when task_counted.reported_task_count > 0 then task_counted.overdue_count end as overdue_count,
    case
        when task_counted.reported_task_count = task_counted.task_count
            then trim_scale(round(task_counted.completion_rate, 2))
    end as completion_rate,
    report_counted.expected_report_count,
    report_counted.accepted_report_count,
    report_counted.on_time_report_count,
    duty_counted.duty_count,
    duty_counted.duty_met_count,
    duty_counted.duty_on_time_count
from task_counted
left join report_counted
    on
        task_counted.sender_code = report_counted.sender_code
        and task_counted.period_code = report_counted.period_code
left join duty_counted
    on
        task_counted.sender_code = duty_counted.sender_code
        and task_counted.programme_code = duty_counted.programme_code
        and task_counted.period_code = duty_counted.period_code
