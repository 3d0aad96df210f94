{{ config(materialized='view') }}

with sent as (
    select
        sender_code,
        dataset,
        period_code,
        period_end_on,
        standard_code,
        count(*) as revision_count,
        min(received_at) filter (where was_accepted) as accepted_received_at,
        min(judged_at) filter (where was_accepted) as accepted_at,
        max(received_at) as last_received_at
    from {{ ref('stg_submission_sent') }}
    group by sender_code, dataset, period_code, period_end_on, standard_code
),

-- Of several revisions the one that counts: the accepted one, else the last one accepted by then, else the last.
shown as (
    select distinct on (sender_code, dataset, period_code, standard_code)
        sender_code,
        dataset,
        period_code,
        standard_code,
        submission_id,
        case
            when status_code <> 'superseded' then status_code
            when was_accepted then coalesce(verdict_code, 'accepted')
            else 'rejected'
        end as status_code,
        row_count,
        held_row_count,
        finding_count
    from {{ ref('stg_submission_sent') }}
    order by
        sender_code asc,
        dataset asc,
        period_code asc,
        standard_code asc,
        is_in_force desc,
        was_accepted desc,
        submission_id desc
),

expected as (
    select *
    from {{ ref('int_report__calendar') }}
    where is_expected
),

report as (
    select
        coalesce(expected.sender_code, sent.sender_code) as sender_code,
        coalesce(expected.dataset, sent.dataset) as dataset,
        coalesce(expected.period_code, sent.period_code) as period_code,
        coalesce(expected.period_end_on, sent.period_end_on) as period_end_on,
        coalesce(expected.standard_code, sent.standard_code) as standard_code,
        expected.sender_code is not null as is_expected,
        expected.unit_code,
        expected.unit_level,
        expected.province_code,
        coalesce(sent.accepted_received_at, sent.last_received_at) as received_at,
        sent.accepted_at,
        sent.accepted_received_at is not null as is_accepted,
        coalesce(sent.revision_count, 0) as revision_count
    from expected
    full outer join sent
        on
            expected.sender_code = sent.sender_code
            and expected.dataset = sent.dataset
            and expected.period_code = sent.period_code
            and expected.standard_code = sent.standard_code
),

due as (
    select
        report.*,
        report.period_end_on + calendar.due_days as due_on,
        {{ day_in_viet_nam('report.received_at') }} as received_on
    from report
    inner join {{ ref('reporting_calendar') }} as calendar
        on
            report.dataset = calendar.dataset
            and report.period_end_on between coalesce(calendar.valid_from, '-infinity')
            and coalesce(calendar.valid_to, 'infinity')
)

select
    due.sender_code,
    due.dataset,
    due.period_code,
    due.period_end_on,
    due.standard_code,
    due.is_expected,
    due.unit_code,
    due.unit_level,
    due.province_code,
    due.due_on,
    coalesce(shown.status_code, 'missing') as status_code,
    due.received_at,
    due.accepted_at,
    due.revision_count,
    shown.submission_id,
    shown.row_count as rows_sent,
    shown.held_row_count as rows_held,
    shown.finding_count,
    due.is_accepted,
    case
        when due.is_accepted or (shown.status_code = 'received' and due.received_on > due.due_on)
            then due.received_on <= due.due_on
        when shown.status_code = 'received' then null
        when due.due_on < {{ as_of() }} then false
    end as is_on_time,
    case when due.is_accepted then greatest(due.received_on - due.due_on, 0) end as days_late,
    -- for a report that is still owed
    case
        when due.is_expected and coalesce(shown.status_code, 'rejected') = 'rejected' and due.due_on < {{ as_of() }}
            then {{ as_of() }} - due.due_on
    end as days_overdue
from due
left join shown
    on
        due.sender_code = shown.sender_code
        and due.dataset = shown.dataset
        and due.period_code = shown.period_code
        and due.standard_code = shown.standard_code
