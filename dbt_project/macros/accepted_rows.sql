{#
    The rows of a data set that count: those of submissions in force, minus the held ones.
    Gives every raw column, and of the submission its sender, period and poverty standard.
#}
{% macro accepted_rows(dataset) %}
    select
        submission.sender_code,
        submission.period_code,
        submission.period_end as period_end_on,
        submission.standard_code,
        report.*
    from {{ source('raw', dataset) }} as report
    inner join {{ source('ops', 'submission') }} as submission
        on
            report.submission_id = submission.submission_id
            and submission.status_code in ('accepted', 'accepted_with_findings')
    left join {{ source('ops', 'held_row') }} as held
        on
            report.submission_id = held.submission_id
            and report.sheet_name = held.sheet_name
            and report.row_number = held.row_number
    where held.submission_id is null
{% endmacro %}
