with found as (
    select
        submission_id,
        count(*) as finding_count,
        bool_or(rule in ('wrong_period', 'wrong_sender')) as is_misplaced
    from {{ source('ops', 'finding') }}
    group by submission_id
)

select
    submission.submission_id,
    submission.sender_code,
    submission.dataset,
    submission.period_code,
    submission.period_end as period_end_on,
    extract(year from submission.period_end)::integer as period_year,
    submission.standard_code,
    submission.status_code,
    submission.status_code in ('accepted', 'accepted_with_findings') as is_in_force,
    -- a later revision may have taken its place since
    submission.status_code in ('accepted', 'accepted_with_findings')
    or (
        submission.status_code = 'superseded'
        and submission.revision is not null
        and coalesce(submission.verdict_code, 'accepted') <> 'rejected'
    ) as was_accepted,
    submission.verdict_code,
    submission.row_count,
    submission.held_row_count,
    coalesce(found.finding_count, 0) as finding_count,
    coalesce(found.is_misplaced, false) as is_misplaced,
    submission.received_at,
    {{ day_in_viet_nam('submission.received_at') }} as received_on,
    submission.judged_at
from {{ source('ops', 'submission') }} as submission
left join found on submission.submission_id = found.submission_id
where
    submission.status_code <> 'duplicate'
    and submission.dataset is not null
    and submission.period_end is not null
    and {{ day_in_viet_nam('submission.received_at') }} <= {{ as_of() }}
